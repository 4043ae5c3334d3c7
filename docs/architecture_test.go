package docs

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The packages that the map shows are those of the tree.
func TestArchitectureIsTheTree(t *testing.T) {
	was, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Architecture("..", was)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(was, want) {
		t.Error("docs/architecture.md is not what the tree says; run make generate")
	}
	for l := range strings.Lines(string(want)) {
		if strings.HasPrefix(l, "| `") && strings.Contains(l, "` |  | ") {
			t.Errorf("a package says nothing of itself: %s", l)
		}
	}
}

// Where the map points to, there is something of that name.
func TestArchitecturePointsToWhatIsThere(t *testing.T) {
	b, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("\\| `([a-z/_]+\\.[a-z]+)` `(\\w+)` \\|").FindAllStringSubmatch(string(b), -1)
	if len(found) < 10 {
		t.Fatalf("only %d places are named", len(found))
	}
	for _, m := range found {
		file, err := os.ReadFile(filepath.Join("..", m[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		if !regexp.MustCompile(`(?m)(^func (\(\w+ \*?\w+\) )?|^type |^var |^const |^\t)"?`+m[2]+`\b`).Match(file) && !strings.Contains(m[1], "deploy/") {
			t.Errorf("%s declares no %s", m[1], m[2])
		}
	}
}
