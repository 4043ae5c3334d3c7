package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"usher/event"
	"usher/table"
)

// An upload that broke off leaves a file that looks finished: servers keep it, under
// its own name, and no program has it open any more. What tells it from a whole one is
// what its sender says (a marker, a checksum, a trailer), or signs in the text itself:
// a last line without an end, a last row that cannot be read, far fewer rows than
// usual. A sign is no proof, so such a file waits for a person (hold.go).

// lastRow is the very last row of a file.
type lastRow struct {
	line    int
	refused bool
	broken  bool   // it cannot be read, as if the file ended within it
	text    string // as it stands, where a trailer is asked for
}

func (l *lastRow) note(rec table.Record, errs []table.RowError) {
	l.line, l.refused, l.broken = rec.Line, len(errs) > 0, len(errs) > 0 && (errs[0].Code == "E_COLUMN_COUNT" || errs[0].Code == "E_QUOTE" || errs[0].Code == "E_JSON")
}

// plainText reports whether the bytes of the file are text, which can be cut off anywhere
// without damage. What is packed, a workbook and an array show it when they are read.
func plainText(t table.File) bool {
	return t.Packed == "" && (t.Format == table.FormatCSV || t.Format == table.FormatJSONL || t.Format == table.FormatJSONStream)
}

// ending is how a file of text ends.
type ending int

const (
	endUnknown ending = iota // it is no text with one row a line
	endLine                  // with a line end
	endNone                  // without one
)

// endOf looks at the last bytes of a file.
func endOf(f *os.File, t table.File) ending {
	if !plainText(t) || t.Format == table.FormatJSONStream {
		return endUnknown
	}
	tail := make([]byte, min(t.Size, 4096))
	if _, err := f.ReadAt(tail, t.Size-int64(len(tail))); err != nil {
		return endUnknown // reading it fails soon, and is said
	}
	const notSeen = " \t\x00\x1a" // the second half of a UTF-16 character, the old sign for an end
	tail = bytes.TrimRight(tail, notSeen)
	if len(tail) > 0 && (tail[len(tail)-1] == '\n' || tail[len(tail)-1] == '\r') {
		return endLine
	}
	return endNone
}

// cutOff is a sentence about a file that shows signs of having been cut off, else "".
// A sender who says by other means that the file is whole is believed.
func (j *job) cutOff(v *verdict) string {
	if j.in.Complete != "" && !j.redrop || !plainText(j.table) || v.rows == 0 {
		return ""
	}
	after := fmt.Sprintf("the file may have been cut off after row %d", v.rows-1)
	if v.rows == 1 {
		after = "the file may have been cut off in its first row"
	}
	switch {
	case v.last.broken && (v.refused < v.rows || j.end == endNone): // a header that fits no row is another matter
		return fmt.Sprintf("%s: its last row, on line %d, cannot be read", after, v.last.line)
	case !v.last.broken && j.end == endNone && (v.rows > 1 || j.table.Format == table.FormatCSV):
		return fmt.Sprintf("%s: its last line, %d, has no line end, and all others have one", after, v.last.line)
	}
	return ""
}

// doubts returns why the file must wait for a person, "" when nothing speaks against
// it. The error is a *table.FileError, or one of the store.
func (j *job) doubts(ctx context.Context) (string, error) {
	if j.redrop || j.in.Source == event.SourceCanary {
		return "", nil
	}
	var why []string
	rows := j.report.Rows
	sign := j.report.cutOff
	if sign != "" && j.in.LastLine == LastLineRefuse {
		return "", table.Unusable("E_CUT_OFF", "%s", sign)
	}
	if sign != "" && j.in.LastLine == LastLineHold {
		why = append(why, sign)
	}
	if rows < j.in.MinRows && !j.returned {
		why = append(why, fmt.Sprintf("it has %d rows, and this inbox expects %d at least", rows, j.in.MinRows))
	}
	learned := sign != "" && j.in.LastLine == "" && j.end == endNone
	if j.memories != nil && (learned || j.in.Shrink > 0) {
		m, err := j.memories.of(ctx, j.in.Source)
		if err != nil {
			return "", err
		}
		if n := m.allEnded(j.titles); learned && n >= usedTo {
			why = append(why, fmt.Sprintf("%s, as the last %d files of this inbox with the same titles had", sign, n))
		}
		if last := m.Last.Rows; j.in.Shrink > 0 && !j.returned && m.Last.Import != j.report.Import && float64(rows) < float64(last)*(100-j.in.Shrink)/100 {
			why = append(why, fmt.Sprintf("it has %d rows, and the last file of this inbox had %d", rows, last))
		}
	}
	return strings.Join(why, "; "), nil
}

// titlesOf is a fingerprint of the columns of a file, which may be named after
// people.
func titlesOf(t table.File, rs *table.Rows) string {
	sum := sha256.Sum256([]byte(strings.ToLower(t.Format + "\x00" + strings.Join(rs.Columns, "\x00"))))
	return hex.EncodeToString(sum[:8])
}

// delimiter is what stands between two cells in a pattern of a trailer.
func (j *job) delimiter() string {
	if j.table.Delimiter == 0 {
		return ";"
	}
	return string(j.table.Delimiter)
}
