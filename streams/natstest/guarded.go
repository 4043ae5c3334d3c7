package natstest

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

var password = regexp.MustCompile(`\$USHER_NATS_(\w+)`)

// Guarded runs a server with the accounts of a configuration file such as
// deploy/nats/usher.conf until the test ends, and returns its address. The password of
// a user is password-of-USER.
func Guarded(t testing.TB, file string) (url string) {
	t.Helper()
	conf, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range password.FindAllStringSubmatch(string(conf), -1) {
		t.Setenv("USHER_NATS_"+m[1], "password-of-"+strings.ToLower(m[1]))
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o.Port, o.StoreDir, o.JetStreamMaxStore = server.RANDOM_PORT, t.TempDir(), 512<<20
	return Serve(t, o).ClientURL()
}
