package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"usher/metrics"
)

func TestSettingsOfAccounts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bridge := Config{Base: Base{Data: "."}, Limits: DefaultLimits(), Accounts: Accounts{AccountTarget: "scim"}, Roles: Roles{Bridge: true}}
	if err := bridge.Validate(); err != nil {
		t.Errorf("a bridge needs to know the kind only: %v", err)
	}
	for _, tc := range []struct {
		a    Accounts
		want string // in the refusal
	}{
		{Accounts{}, ""},
		{Accounts{AccountTarget: "scim", AccountURL: "https://id.example/v2", AccountToken: "t"}, ""},
		{Accounts{AccountTarget: "webhook", AccountURL: "https://id.example/", AccountSecretFile: file}, ""},
		{Accounts{AccountTarget: "none", AccountURL: "https://id.example/"}, "scim or webhook"},
		{Accounts{AccountTarget: "scim", AccountToken: "t"}, "--account-url"},
		{Accounts{AccountTarget: "scim", AccountURL: "https://id.example/v2"}, "--account-token-file"},
		{Accounts{AccountTarget: "scim", AccountURL: "https://id.example/v2", AccountToken: "t", AccountSecret: "s"}, "--account-secret"},
		{Accounts{AccountTarget: "scim", AccountURL: "https://id.example/v2", AccountToken: "t", AccountTokenFile: file}, "give one of them"},
		{Accounts{AccountTarget: "webhook", AccountURL: "https://id.example/v2"}, "--account-secret-file"},
		{Accounts{AccountTarget: "webhook", AccountURL: "https://id.example/v2", AccountSecret: "secret", AccountToken: "t"}, "--account-token"},
		{Accounts{AccountTarget: "webhook", AccountURL: "http://id.example/", AccountSecretFile: file}, "unencrypted"},
		{Accounts{AccountTarget: "webhook", AccountURL: "https://id.example/", AccountSecretFile: file + "s"}, "--account-secret-file"},
	} {
		c := Config{Base: Base{Data: "."}, Limits: DefaultLimits(), Accounts: tc.a}
		err := c.Validate()
		if err == nil {
			reg := prometheus.NewRegistry()
			_, err = newTarget(tc.a, metrics.NewWorker(reg, metrics.NewShared(reg)), slog.New(slog.DiscardHandler))
		}
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%+v: %v, want %q", tc.a, err, tc.want)
		}
	}
}
