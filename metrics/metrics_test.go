package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestEverythingFitsOneRegistry(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := NewShared(reg)
	NewIngest(reg, s, []string{"E_QUOTE"}, "inbox", "hr")
	NewBridge(reg, s)
	NewWorker(reg, s)
	NewConsole(reg)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
