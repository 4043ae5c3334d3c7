package table

import (
	"errors"
	"io"
	"strings"
)

// blockSize is how much of a file is read at once, in bytes.
const blockSize = 256 << 10

// window is the part of a text that is being looked at. What it gives away are
// parts of one string that is never written again, so nothing is copied.
type window struct {
	r     io.Reader
	block []byte
	text  string
	pos   int   // where the next record begins in text
	lf    int   // the first line feed at or after pos that is known, -1 when none is
	ended bool  // r has given everything
	line  int   // number of the last line that ended before pos
	base  int64 // of text, in bytes from the beginning
}

func newWindow(r io.Reader) *window {
	return &window{r: r, lf: -1}
}

// place is how far the text was read.
func (w *window) place() (offset int64, line int) { return w.base + int64(w.pos), w.line }

// rest is what follows pos, as far as it has been read.
func (w *window) rest() string { return w.text[w.pos:] }

// more reads another block. What stands before pos is forgotten. At the end of
// the file it returns io.EOF.
func (w *window) more() error {
	if w.ended {
		return io.EOF
	}
	if w.block == nil {
		w.block = make([]byte, blockSize)
	}
	n, err := io.ReadFull(w.r, w.block)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		w.ended, err = true, nil
	}
	if err != nil {
		return err
	}
	w.base += int64(w.pos)
	w.text = w.text[w.pos:] + string(w.block[:n])
	w.pos, w.lf = 0, -1
	if n == 0 {
		return io.EOF
	}
	return nil
}

// lineAt returns the physical line that begins at bytes after pos, without its
// end (LF, CRLF or CR), and where the next one begins. cut says that the file
// ends within it. The error is io.EOF when there is no more line, and errLong
// when it has more than most bytes.
func (w *window) lineAt(at, most int) (line string, next int, cut bool, err error) {
	for looked := at; ; {
		t := w.rest()
		end := w.lineFeed(looked)
		if end < 0 {
			end = len(t)
		}
		if cr := strings.IndexByte(t[looked:end], '\r'); cr >= 0 {
			if cr += looked; cr+1 < len(t) || w.ended {
				end, next = cr, cr+1
				if next < len(t) && t[next] == '\n' {
					next++
				}
				return t[at:end], next, false, nil
			}
			end-- // whether a line feed follows is not known yet
		} else if end < len(t) {
			return t[at:end], end + 1, false, nil
		}
		if len(t)-at > most {
			return "", 0, false, errLong
		}
		looked = end
		switch err := w.more(); {
		case errors.Is(err, io.EOF) && at == len(w.rest()):
			return "", 0, false, io.EOF
		case errors.Is(err, io.EOF) && looked < len(w.rest()): // a CR is the last byte
		case errors.Is(err, io.EOF):
			return w.rest()[at:], len(w.rest()), true, nil
		case err != nil:
			return "", 0, false, err
		}
	}
}

// lineFeed is the first line feed from bytes after pos on, or -1.
func (w *window) lineFeed(from int) int {
	if from += w.pos; w.lf < from {
		i := strings.IndexByte(w.text[from:], '\n')
		if i < 0 {
			w.lf = len(w.text)
		} else {
			w.lf = from + i
		}
	}
	if w.lf == len(w.text) {
		return -1
	}
	return w.lf - w.pos
}

// skipLine moves on behind a line that is too long, and returns how it begins.
func (w *window) skipLine() (begin string, err error) {
	begin = strings.Clone(w.rest()[:min(len(w.rest()), kept)])
	for {
		t := w.rest()
		i := strings.IndexAny(t, "\n\r")
		if i >= 0 && (i+1 < len(t) || w.ended) {
			next := i + 1
			if t[i] == '\r' && next < len(t) && t[next] == '\n' {
				next++
			}
			w.pass(next, 1)
			return begin, nil
		}
		if i < 0 {
			i = len(t)
		}
		w.pos += i
		switch err := w.more(); {
		case errors.Is(err, io.EOF) && w.rest() == "":
			w.line++
			return begin, nil
		case err != nil && !errors.Is(err, io.EOF):
			return "", err
		}
	}
}

// kept is how much of a line that is over the cap is shown, in bytes.
const kept = 200

// pass moves on by n bytes and a number of lines.
func (w *window) pass(n, lines int) {
	w.pos += n
	w.line += lines
}
