package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Receipts may be signed with what the file of providers says as well as with the
// flags.
func TestReceiptTokensOfFileAndFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "providers.yaml")
	if err := os.WriteFile(file, []byte("sms:\n  - {name: gateway, url: 'https://sms.example.net', receipt_token: of the file}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var p process
	p.Providers, p.ReceiptsSecret, p.SMSToken = file, "of the flag", "of Twilio"
	twilio, others, err := p.receiptTokens()
	if err != nil || !slices.Contains(twilio, "of the file") || !slices.Contains(twilio, "of Twilio") || !slices.Equal(others, []string{"of the file", "of the flag"}) {
		t.Errorf("%q, %q, %v", twilio, others, err)
	}
	p.Providers += ".none"
	if _, _, err := p.receiptTokens(); err == nil || !strings.Contains(err.Error(), "--providers") {
		t.Errorf("without the file: %v", err)
	}
}
