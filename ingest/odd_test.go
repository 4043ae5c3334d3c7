package ingest

import (
	"fmt"
	"strings"
	"testing"
)

// What is nothing once accents, marks and wrapping are taken off is nothing: in a title, in
// a cell, in JSON. Fuzzing found a title that was an accent alone, and ended the check of
// its list; a title that is a colored sign, such as a telephone, was one too.
func TestOddTitlesAndCells(t *testing.T) {
	odd := []string{
		"\u0355", "\ufe0f", "\u260e\ufe0f", "\u20e3", "\u200b", "\u00ad", "\u202a", "'", `"`, `""`, `=""`, `=""""`, `="'"`, "mailto:", "mailto:?subject=x", "tel:", "#EXT#@", "_#EXT#@x", "[]", "[[]]",
		"{}", `[""]`, `{"":""}`, "<>", "<b></b>", ";", ":", "::", "?", "??", "#", "+", "-", "$", "{", "[", ".", "@", "\x1e", "\ufeff", "0", "''", "=", "()", "|",
	}
	columns := []string{"user_id", "email", "name", "phone", "locale", "note"}
	for _, o := range odd {
		quoted := `"` + strings.ReplaceAll(o, `"`, `""`) + `"`
		checkBytes(t, []byte(quoted+",email\nx,ann@example.org\n"))
		checkBytes(t, []byte("email,"+quoted+"\nann@example.org,x\n"))
		checkBytes(t, fmt.Appendf(nil, "email;%s;%s\nann@example.org;1;2\nben@example.org;3;4\n", quoted, quoted))
		checkBytes(t, fmt.Appendf(nil, "[{%q:\"x\",\"email\":\"ann@example.org\"}]", o))
		for _, c := range columns {
			checkBytes(t, fmt.Appendf(nil, "%s,email\n%s,ann@example.org\nx,ben@example.org\n", c, quoted))
			checkBytes(t, fmt.Appendf(nil, "%s\n%s\n%s\nx\n", c, quoted, quoted))
			checkBytes(t, fmt.Appendf(nil, "[{%q:%q,\"id\":\"1\"},{%q:[%q]}]", c, o, c, o))
		}
	}
}
