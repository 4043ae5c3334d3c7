package table

import "slices"

// Warning is something that a person should look at in a file that can be used all
// the same. It holds no value of a cell.
type Warning struct {
	Code      string `json:"code"` // stable, one of WarningCodes
	Text      string `json:"text"` // a sentence that says what was done about it
	Count     int    `json:"count"`
	FirstLine int    `json:"first_line,omitempty"` // 0 when it is about the file and not about a line
}

// WarningCodes are the codes of a Warning that this package makes.
var WarningCodes = []string{"W_BELOW", "W_COLUMN", "W_ENCODING", "W_EXCEL_FORMULA", "W_EXCEL_HIDDEN", "W_EXCEL_LINK", "W_EXCEL_MERGED", "W_NAME", "W_NOTHING", "W_QUOTES",
	"W_SECRET", "W_SEVERAL", "W_SHEETS", "W_TITLES", "W_UNWRAPPED"}

// Warnings collects warnings without growing with the file: those of one code and
// text are counted, and only the first line is kept. The zero value is ready. It is
// for one goroutine at a time.
type Warnings struct{ list []Warning }

// textsPerCode is how many different texts of one code are kept. What comes after
// them counts for the last of them.
const textsPerCode = 20

// Add counts one warning. line is where it is in the file, and 0 when it is about the
// file as a whole.
func (w *Warnings) Add(code, text string, line int) { w.add(Warning{code, text, 1, line}) }

func (w *Warnings) add(n Warning) {
	last, texts := -1, 0
	for i := range w.list {
		if w.list[i].Code != n.Code {
			continue
		}
		last = i
		if texts++; w.list[i].Text == n.Text {
			break
		}
	}
	if last < 0 || w.list[last].Text != n.Text && texts < textsPerCode {
		w.list = append(w.list, n)
		return
	}
	had := &w.list[last]
	had.Count += n.Count
	if had.FirstLine == 0 || n.FirstLine > 0 && n.FirstLine < had.FirstLine {
		had.FirstLine = n.FirstLine
	}
}

// Merge adds what another collector has.
func (w *Warnings) Merge(o Warnings) {
	for _, n := range o.list {
		w.add(n)
	}
}

// All are the warnings in the order in which their texts came first.
func (w Warnings) All() []Warning { return slices.Clone(w.list) }
