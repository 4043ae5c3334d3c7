package ingest

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"usher/table"
)

// A trailer is the number of rows that the sender wrote into the file's last line,
// or its name: the only thing inside a text file that tells its end from a place
// where it was cut off.

// trailer is a pattern with the number in it.
type trailer struct{ *regexp.Regexp }

// number stands for the rows in a pattern of a trailer, and anything for what may
// stand there.
const (
	number   = "%d"
	anything = "*"
)

// newTrailer reads a pattern: literal text in which %d is the number of rows and *
// is anything.
func newTrailer(pattern string) (trailer, error) {
	if strings.Count(pattern, number) != 1 {
		return trailer{}, fmt.Errorf("%q needs %%d once, where the number of rows stands", pattern)
	}
	text := strings.NewReplacer(regexp.QuoteMeta(number), `\s*"?([0-9]+)"?\s*`, regexp.QuoteMeta(anything), ".*").Replace(regexp.QuoteMeta(pattern))
	re, err := regexp.Compile(`^\s*` + text + `\s*$`)
	return trailer{re}, err
}

// rows is the number in the text; false when the pattern does not fit.
func (t trailer) rows(text string) (int, bool) {
	m := t.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// CheckWhole reports settings of an inbox about whole files that make no sense,
// each with its flag.
func (in Inbox) CheckWhole() error {
	var errs []error
	say := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--"+flag+": "+format, args...))
	}
	switch in.Complete {
	case "", CompleteMarker, CompleteChecksum:
		if in.TrailerLine != "" || in.TrailerName != "" {
			say("complete", "the patterns of a trailer need --complete trailer")
		}
	case CompleteTrailer:
		if in.TrailerLine == "" && in.TrailerName == "" {
			say("complete", "trailer needs --trailer-line or --trailer-name, such as 'TRAILER;%%d' or '*_%%d.csv'")
		}
	default:
		say("complete", "%q is none of marker, checksum, trailer", in.Complete)
	}
	for flag, pattern := range map[string]string{"trailer-line": in.TrailerLine, "trailer-name": in.TrailerName} {
		if pattern == "" {
			continue
		}
		if _, err := newTrailer(pattern); err != nil {
			say(flag, "%w", err)
		}
	}
	switch in.LastLine {
	case "", LastLineAny, LastLineHold, LastLineRefuse:
	default:
		say("last-line", "%q is none of any, hold, refuse", in.LastLine)
	}
	return errors.Join(errs...)
}

// trailers are the patterns of an inbox; a zero one is not asked for.
func (in Inbox) trailers() (line, name trailer) {
	if in.Complete != CompleteTrailer {
		return line, name
	}
	if in.TrailerLine != "" {
		line, _ = newTrailer(in.TrailerLine) // CheckWhole has read it
	}
	if in.TrailerName != "" {
		name, _ = newTrailer(in.TrailerName)
	}
	return line, name
}

// counted holds the rows against the numbers that the sender gave, and takes the
// last line out of the rows when it has one of them. The error is a
// *table.FileError.
func (j *job) counted(v *verdict) error {
	line, name := j.in.trailers()
	if j.redrop || line.Regexp == nil && name.Regexp == nil {
		return nil
	}
	defer func() { j.report.Rows = v.rows }()
	if line.Regexp != nil {
		n, ok := line.rows(v.last.text)
		if !ok {
			return table.Unusable("E_TRAILER", "the last line is not the trailer that this inbox asks for, so the file may have been cut off after row %d; have it sent again", max(0, v.rows-1))
		}
		v.dropLast()
		if n != v.rows {
			return table.Unusable("E_TRAILER", "the last line says %d rows, and the file has %d; have it sent again", n, v.rows)
		}
	}
	if name.Regexp != nil {
		n, ok := name.rows(filepath.Base(j.name))
		if !ok {
			return table.Unusable("E_TRAILER", "the file name lacks the row count that this inbox requires; have it sent under a name with the count")
		}
		if n != v.rows {
			return table.Unusable("E_TRAILER", "the name of the file says %d rows, and it has %d; have it sent again", n, v.rows)
		}
	}
	return nil
}

// dropLast takes the last row out of what the first pass found: it is none.
func (v *verdict) dropLast() {
	if v.bad.clear(v.rows) {
		v.refused--
	}
	v.rows--
	v.last = lastRow{}
}
