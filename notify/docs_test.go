package notify

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What docs/delivery.md shows is taken as it stands, and a service in ten lines
// has ten.
func TestDocumentedProvidersAreGood(t *testing.T) {
	b, err := os.ReadFile("../docs/delivery.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(b), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		text := regexp.MustCompile(`client_secret_file: \S+`).ReplaceAllString(block[1], "client_secret: hunter2")
		text = regexp.MustCompile(`(secret|password|key|ca)_file: [^\s,}]+`).ReplaceAllString(text, "")
		text = regexp.MustCompile(`dkim: .*|ca_file: .*`).ReplaceAllString(text, "")
		p, err := LoadProviders(writeFile(t, "providers.yaml", block[1]))
		if err != nil {
			t.Fatal(err)
		}
		if p, err = LoadProviders(writeFile(t, "providers.yaml", strings.ReplaceAll(text, ", ,", ","))); err != nil {
			t.Fatal(err)
		}
		if len(p.Email) == 0 {
			p.Email = []SMTPConfig{{Name: "m", Addr: "h:25", From: "a@example.org"}}
			if n := strings.Count(strings.TrimSpace(block[1]), "\n"); n > 10 {
				t.Errorf("ten lines are %d", n)
			}
		}
		if _, _, err := p.open(time.Second, time.Hour); err != nil {
			t.Error(err)
		}
	}
}
