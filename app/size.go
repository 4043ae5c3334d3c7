package app

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is an amount of room. On the command line it is written with a unit, such
// as 6GB or 512MiB; without one it is a number of bytes.
type Bytes int64

// units are powers of 1000, and with an i of 1024.
var units = []struct {
	name string
	size float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// UnmarshalText reads what a person writes.
func (b *Bytes) UnmarshalText(text []byte) error {
	s, size := strings.TrimSpace(string(text)), 1.0
	for _, u := range units {
		if n := len(s) - len(u.name); n > 0 && strings.EqualFold(s[n:], u.name) {
			s, size = strings.TrimSpace(s[:n]), u.size
			break
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 0 || math.IsNaN(v) || v*size >= math.MaxInt64 {
		return fmt.Errorf("%q is not an amount of room; give it as 6GB, 512MiB or a number of bytes", text)
	}
	*b = Bytes(v * size)
	return nil
}

// MarshalText is a number of bytes, which UnmarshalText reads.
func (b Bytes) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(b), 10), nil }

// String is the amount in the largest unit that leaves at least one of it.
func (b Bytes) String() string {
	for _, u := range []struct {
		name string
		size Bytes
	}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}} {
		if b >= u.size {
			return strconv.FormatFloat(math.Round(float64(b)/float64(u.size)*10)/10, 'f', -1, 64) + " " + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + " B"
}
