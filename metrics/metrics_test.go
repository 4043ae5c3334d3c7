package metrics

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func everything(reg prometheus.Registerer) {
	s := NewShared(reg)
	NewIngest(reg, s, []string{"E_QUOTE"}, "inbox", "hr")
	NewBridge(reg, s)
	NewStreams(reg)
	w := NewWorker(reg, s)
	w.Provider("email", "smtp", []string{"transient"})
	w.Account("scim", []string{"transient"})
	w.Provider("sms", "twilio", []string{"transient"})
	NewReports(reg)
	NewConsole(reg, s)
	NewCanary(reg)
	NewServer(reg)
	NewProcess(reg, "v1", "go1").Components.WithLabelValues("nats")
}

func TestEverythingFitsOneRegistry(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	everything(reg)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "usher_") { // the others have names that their users know
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// Every metric of usher's own is made by some constructor, under its own name.
func TestTheCatalogueIsWhatIsExported(t *testing.T) {
	reg := prometheus.NewRegistry()
	everything(reg)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		got = append(got, f.GetName())
		if m, ok := Find(f.GetName()); !ok {
			t.Errorf("%s is exported and not in the catalogue: name it in ours()", f.GetName())
		} else if m.Help != f.GetHelp() {
			t.Errorf("%s is exported with another meaning than the catalogue's", f.GetName())
		}
	}
	for _, m := range ours() {
		// One has no series before a peer has shown a certificate.
		if !slices.Contains(got, m.Name) && m.Name != certificateExpiry.Name {
			t.Errorf("%s is in the catalogue and not exported", m.Name)
		}
	}
}

func TestTheCatalogueSaysEverythingOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Catalogue() {
		if seen[m.Name] {
			t.Errorf("%s is there twice", m.Name)
		}
		seen[m.Name] = true
		if m.Help == "" || m.Unit == "" || m.Role == "" || !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s lacks a meaning, a unit or a role", m.Name)
		}
		if ours := strings.HasPrefix(m.Name, "usher_"); ours && m.Kind == Histogram && len(m.Buckets) == 0 {
			t.Errorf("%s has no buckets", m.Name)
		}
		for _, l := range m.Labels {
			if len(l.Values) == 0 && l.By == "" {
				t.Errorf("%s: the catalogue does not say which values %s has", m.Name, l.Name)
			}
		}
	}
}

// A histogram has the buckets that every dashboard understands, and is native for
// who scrapes that.
func TestHistogramsAreClassicAndNative(t *testing.T) {
	reg := prometheus.NewRegistry()
	NewShared(reg).StageSeconds.WithLabelValues("email").Observe(0.3)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); h.GetSampleCount() == 1 && (len(h.GetBucket()) < len(machineBuckets) || len(h.GetPositiveSpan()) == 0) {
				t.Errorf("%s has %d classic buckets and %d native spans", f.GetName(), len(h.GetBucket()), len(h.GetPositiveSpan()))
			}
		}
	}
}

func TestZeros(t *testing.T) {
	m := Metric{Name: "x", Labels: []Label{{Name: "a", Values: []string{"1", "2"}}, {Name: "b"}}, Zeros: [][]string{{"*", ""}, {"1", "*"}}}
	got := m.with("b", "p", "q").zeros()
	want := [][]string{{"1", ""}, {"2", ""}, {"1", "p"}, {"1", "q"}}
	if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("got %v, want %v", got, want)
	}
}
