package event

import (
	"strings"
	"testing"
)

type neighbour interface{ Hello() }

type real struct{ to *int }

func (*real) Hello() {}

type wrapped struct{ inner *real }

func (wrapped) Hello() {}

type none struct{}

func (none) Hello() {}

// Whole sees what is not there, also behind an interface that is not nil itself.
func TestWhole(t *testing.T) {
	type config struct {
		Neighbour neighbour
		Count     int
		Ask       func()
		hidden    *int
	}
	n, ask := 1, func() {}
	for name, tc := range map[string]struct {
		c    any
		may  []string
		want string
	}{
		"whole":                     {config{&real{&n}, 1, ask, nil}, nil, ""},
		"a pointer":                 {&config{&real{&n}, 1, ask, nil}, nil, ""},
		"nothing":                   {config{}, []string{"Count", "Ask"}, "Neighbour is not set"},
		"a nil pointer":             {config{(*real)(nil), 1, ask, nil}, nil, "Neighbour is not set"},
		"a wrapper around nothing":  {config{wrapped{}, 1, ask, nil}, nil, "Neighbour is not set"},
		"a wrapper":                 {config{wrapped{&real{&n}}, 1, ask, nil}, nil, ""},
		"one that needs no content": {config{none{}, 1, ask, nil}, nil, ""},
		"no function":               {config{&real{&n}, 1, nil, nil}, nil, "Ask is not set"},
		"may be empty":              {config{&real{&n}, 0, nil, nil}, []string{"Count", "Ask"}, ""},
		"no such field":             {config{&real{&n}, 1, ask, nil}, []string{"Other"}, "has no field Other"},
	} {
		err := Whole(tc.c, tc.may...)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	_ = config{}.hidden
}
