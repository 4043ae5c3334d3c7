package ingest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/table"
)

func TestRulesOfAnInbox(t *testing.T) {
	mapping := filepath.Join(t.TempDir(), "columns")
	if err := os.WriteFile(mapping, []byte("# of the shop\nKontakt = email\na=b = attribute\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	suspended, gone := SkipRule{Column: "Status", Values: []string{"Suspended", "Deactivated"}}, SkipRule{Column: "Deleted", Values: []string{"1"}}
	r := Rules{
		Skip: []string{"Status=Suspended|Deactivated", "crm=Deleted=1"}, Columns: []string{"hr=" + mapping}, Strict: []string{"hr"},
		Region: []string{"de", "crm=AT"}, AllOrNothing: []string{"crm"}, MaxRows: []string{"hr=5"},
		MaxRefused: []string{"7", "crm=9"}, MaxRefusedPercent: []string{"50", "hr=2.5"}, HiddenRows: []string{"take", "crm=skip"},
		Complete: []string{"hr=trailer", "crm=marker"}, TrailerLine: []string{"ROWS=%d"}, LastLine: []string{"refuse", "hr=hold"}, MinRows: []string{"crm=3"}, ShrinkPercent: []string{"40"},
	}
	for _, want := range []Inbox{
		{Source: "inbox", Dir: "d", Region: "DE", MaxRefused: 7, MaxRefusedPercent: 50, LastLine: LastLineRefuse, Shrink: 40, HiddenRows: "take", Skip: SkipRules{suspended}},
		{Source: "crm", Dir: "d", Region: "AT", AllOrNothing: true, MaxRefused: 9, MaxRefusedPercent: 50, Complete: CompleteMarker, LastLine: LastLineRefuse, MinRows: 3, Shrink: 40, HiddenRows: "skip", Skip: SkipRules{suspended, gone}},
		{Source: "hr", Dir: "d", Region: "DE", MaxRows: 5, MaxRefused: 7, MaxRefusedPercent: 2.5, Complete: CompleteTrailer, TrailerLine: "ROWS=%d", LastLine: LastLineHold, Shrink: 40, HiddenRows: "take",
			Skip: SkipRules{suspended}, Strict: true, Columns: table.Mapping{"Kontakt": "email", "a=b": "attribute"}},
	} {
		got, err := r.ForInbox(want.Source, "d")
		if err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got)\n%s", want.Source, d)
		}
	}
}

// A rule that cannot have an effect is said, each with its flag.
func TestRulesThatAreWrong(t *testing.T) {
	wrong := filepath.Join(t.TempDir(), "columns")
	if err := os.WriteFile(wrong, []byte("Kontakt = mailbox\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := Rules{
		Region: []string{"Germany"}, AllOrNothing: []string{"hrr"}, MaxRows: []string{"hr=many"}, MaxRefused: []string{"crm=1"}, MaxRefusedPercent: []string{"101"}, HiddenRows: []string{"show"},
		Complete: []string{"trailer"}, LastLine: []string{"hr=wait"}, TrailerName: []string{"crm=%d"}, MinRows: []string{"few"}, ShrinkPercent: []string{"-1"},
		Skip: []string{"Status", "crm=Status=x"}, Columns: []string{wrong}, Strict: []string{"crm"},
	}
	err := r.Check(map[string]bool{"inbox": true, "hr": true})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`--region: "GERMANY"`, `--all-or-nothing: there is no inbox "hrr"`, `--max-rows: "many"`, `--max-refused: there is no inbox "crm"`, `--max-refused-percent: "101"`, `--hidden-rows: "show"`,
		"--complete: trailer needs --trailer-line or --trailer-name", `--last-line: "wait"`, `--trailer-name: there is no inbox "crm"`, `--min-rows: "few"`, `--shrink-percent: "-1"`,
		`--skip: "Status" is not a rule`, `--skip: there is no inbox "crm"`, `--columns: ` + wrong + `: the column "Kontakt" cannot be taken for "mailbox"`, `--strict: there is no inbox "crm"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
}
