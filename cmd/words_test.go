package cmd

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// Comments are read by people: their lines are short, and say who or what acts.
func TestCommentsArePlain(t *testing.T) {
	vague := regexp.MustCompile(`(?i)//.*\b(nobody|somebody|whoever|surely|by now)\b`)
	const mostVague = 20
	var found []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n := 0
		for line := range strings.Lines(string(b)) {
			n++
			comment := strings.TrimSpace(line)
			if vague.MatchString(comment) {
				found = append(found, comment)
			}
			prose := strings.HasPrefix(comment, "// ") && !strings.Contains(comment, "://") && !strings.HasPrefix(comment, "//\t")
			if n := utf8.RuneCountInString(comment); prose && n > 100 {
				t.Errorf("%s: a comment of %d characters: %s", path, n, comment)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) > mostVague {
		t.Errorf("%d comments say nobody, somebody, whoever, surely or by now, at most %d need to:\n%s", len(found), mostVague, strings.Join(found, "\n"))
	}
}
