package cmd

import (
	"fmt"
	"io"
	"os"
	"time"

	"usher/event"
)

// progressLine is how far an import is, in one line.
func progressLine(p event.Progress) string {
	line := fmt.Sprintf("%s: %s", p.File, p.State)
	if !p.Over() && p.Percent > 0 {
		line += fmt.Sprintf(" %.0f %%", p.Percent)
	}
	if p.Rows > 0 {
		line += fmt.Sprintf(", %d of %d rows", p.Record, p.Rows)
	}
	if p.Rate > 0 {
		line += fmt.Sprintf(", %.0f rows/s", p.Rate)
	}
	if p.Left > 0 {
		line += fmt.Sprintf(", %s left", time.Duration(p.Left*float64(time.Second)).Round(time.Second))
	}
	if p.Refused > 0 {
		line += fmt.Sprintf(", %d refused", p.Refused)
	}
	if p.Reason != "" {
		line += ": " + p.Reason
	}
	return line
}

// ticker shows progress on one line of a terminal, and nothing anywhere else.
type ticker struct {
	w     io.Writer
	shown bool
}

func (s *session) ticker() *ticker {
	f, ok := s.stderr.(*os.File)
	if !ok {
		return &ticker{}
	}
	if i, err := f.Stat(); err != nil || i.Mode()&os.ModeCharDevice == 0 {
		return &ticker{}
	}
	return &ticker{w: f}
}

func (t *ticker) show(line string) {
	if t.w != nil {
		t.shown = true
		fmt.Fprintf(t.w, "\r\x1b[K%s", line)
	}
}

// done clears the line for what is printed next.
func (t *ticker) done() {
	if t.shown {
		fmt.Fprint(t.w, "\r\x1b[K")
	}
}
