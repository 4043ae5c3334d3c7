package docs

import (
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// MostColumns is how long a line of prose may be, in characters.
const MostColumns = 100

var (
	// item is the beginning of an item of a list: its indent and mark, and its text.
	item = regexp.MustCompile(`^(\s*(?:[-*+]|\d+\.)\s+)(.*)$`)
	// mark is a word that would begin something else at the start of a line.
	mark = regexp.MustCompile(`^(?:[-*+>#=|]+|\d+[.)])$`)
	// piece is what stands on one line: words, and code with the spaces in it.
	piece = regexp.MustCompile("(?:`[^`]*`|[^\\s`]|`)+")
)

// Pages are the paths of all pages below root that are written by hand.
func Pages(root string) (paths []string, err error) {
	for _, pattern := range []string{"*.md", "docs/*.md", "findings/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

// Wrap returns a page with its prose in lines of at most MostColumns characters. It
// fills a paragraph or an item of a list anew when one of its lines is longer, and
// leaves all others, tables, headings and blocks of code as they are. A word or a
// piece of code that is longer itself has a line of its own.
func Wrap(page string) string {
	var out, block []string
	flush := func() {
		out = append(out, fill(block)...)
		block = nil
	}
	fenced := false
	for _, l := range strings.Split(page, "\n") {
		text := strings.TrimSpace(l)
		fence := strings.HasPrefix(text, "```")
		switch {
		case fenced || fence || text == "" || strings.HasPrefix(text, "|") || strings.HasPrefix(text, "#") || strings.HasPrefix(text, "<"):
			flush()
			out = append(out, l)
			fenced = fenced != fence
		case item.MatchString(l):
			flush()
			block = []string{l}
		default:
			block = append(block, l)
		}
	}
	flush()
	return strings.Join(out, "\n")
}

// fill returns the lines of one paragraph or item, none too long.
func fill(block []string) []string {
	fits := true
	for _, l := range block {
		fits = fits && utf8.RuneCountInString(l) <= MostColumns
	}
	if fits {
		return block
	}
	first, rest := "", ""
	text := strings.Join(block, "\n")
	if m := item.FindStringSubmatch(block[0]); m != nil {
		first, rest = m[1], strings.Repeat(" ", len(m[1]))
		text = strings.TrimPrefix(text, m[1])
	} else {
		first = block[0][:len(block[0])-len(strings.TrimLeft(block[0], " "))]
		rest = first
	}
	var out []string
	line := first
	for _, w := range piece.FindAllString(text, -1) {
		w = strings.Join(strings.Fields(w), " ") // code that went over the end of a line
		empty := strings.TrimSpace(line) == strings.TrimSpace(first) && len(out) == 0 || line == rest
		switch {
		case empty:
			line += w
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) <= MostColumns || mark.MatchString(w):
			line += " " + w
		default:
			out = append(out, line)
			line = rest + w
		}
	}
	return append(out, line)
}
