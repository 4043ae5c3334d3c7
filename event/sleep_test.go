package event

import (
	"math"
	"testing"
	"time"
)

func TestDoubling(t *testing.T) {
	for n, want := range map[int]time.Duration{-1: 100, 0: 100, 1: 200, 3: 800, 4: 1000, 5: 1000, math.MaxInt: 1000} {
		if got := Doubling(100, 1000, n); got != want {
			t.Errorf("pause %d is %d, want %d", n, got, want)
		}
	}
	if got := Doubling(time.Hour, time.Second, 0); got != time.Second {
		t.Errorf("a first one above the most is %v", got)
	}
}
