package notify

import (
	"os"
	"slices"
	"strings"
	"testing"

	"usher/event"
)

// The vocabulary is one: what senders say, pages explain and documents list.
func TestReasonsAreOneVocabulary(t *testing.T) {
	var explained []string
	for _, r := range event.DeliveryReasons {
		explained = append(explained, r.Name)
	}
	if !slices.Equal(explained, Reasons) {
		t.Errorf("event explains %v, notify says %v", explained, Reasons)
	}
	for _, doc := range []string{"../docs/delivery.md", "../docs/runbook.md"} {
		b, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range Reasons {
			if !strings.Contains(string(b), "| `"+r+"` |") {
				t.Errorf("%s has no row for %s", doc, r)
			}
		}
	}
	for r := range effects {
		if !slices.Contains(Reasons, r) {
			t.Errorf("%s has a class and is none of the reasons", r)
		}
	}
}
