package table

import (
	"fmt"
	"slices"
	"testing"
)

func TestWarningsAreCountedWithTheFirstLine(t *testing.T) {
	var w, other Warnings
	w.Add("W_SHEETS", "about the file", 0)
	w.Add("W_ENCODING", "about rows", 7)
	w.Add("W_ENCODING", "about rows", 9)
	other.Add("W_ENCODING", "about rows", 3)
	other.Add("W_NAME", "only here", 0)
	w.Merge(other)
	want := []Warning{{"W_SHEETS", "about the file", 1, 0}, {"W_ENCODING", "about rows", 3, 3}, {"W_NAME", "only here", 1, 0}}
	if got := w.All(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWarningsDoNotGrowWithTheFile(t *testing.T) {
	var w Warnings
	for i := range 10 * textsPerCode {
		w.Add("W_ENCODING", fmt.Sprint("text ", i), i+1)
	}
	n := 0
	for _, one := range w.All() {
		n += one.Count
	}
	if got := len(w.All()); got != textsPerCode || n != 10*textsPerCode {
		t.Errorf("%d texts are kept and count %d, want %d and %d", got, n, textsPerCode, 10*textsPerCode)
	}
}
