package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Pages are read in terminals and in diffs, so their prose has short lines.
func TestProseHasShortLines(t *testing.T) {
	pages, err := Pages("..")
	if err != nil || len(pages) < 20 {
		t.Fatal(pages, err)
	}
	for _, p := range pages {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(b), Wrap(string(b))); d != "" {
			t.Errorf("%s has lines of more than %d characters: go run ./docs/generate mends it\n%s", filepath.Clean(p), MostColumns, d)
		}
	}
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("word ", 19) // 95
	for name, c := range map[string]struct{ page, want string }{
		"short lines stay":       {"a\nb\n", "a\nb\n"},
		"a paragraph":            {long + "and more\nwords\n", strings.TrimSpace(long) + " and\nmore words\n"},
		"an item":                {"- " + long + "and more\n- next\n", "- " + strings.TrimSpace(long) + " and\n  more\n- next\n"},
		"a step":                 {"12. " + long + "and\n", "12. " + strings.TrimSpace(long) + "\n    and\n"},
		"code stays whole":       {long + "`a b c d e` f\n", strings.TrimSpace(long) + "\n`a b c d e` f\n"},
		"a table":                {"| " + long + long + "|\n", "| " + long + long + "|\n"},
		"a block of code":        {"```\n" + long + long + "\n```\n", "```\n" + long + long + "\n```\n"},
		"no new list by a dash":  {long + "word - and more\n", strings.TrimSpace(long) + " word -\nand more\n"},
		"no new list by numbers": {long + "of 12. and\n", strings.TrimSpace(long) + " of 12.\nand\n"},
		"characters, not bytes":  {strings.Repeat("ä", 100) + "\n", strings.Repeat("ä", 100) + "\n"},
	} {
		if got := Wrap(c.page); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
		if again := Wrap(c.want); again != c.want {
			t.Errorf("%s: filled again it is\n%s", name, again)
		}
	}
}
