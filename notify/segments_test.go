package notify

import (
	"strings"
	"testing"
)

func TestSegments(t *testing.T) {
	for name, tc := range map[string]struct {
		text    string
		count   int
		unicode bool
	}{
		"nothing":                        {"", 0, false},
		"one":                            {"Hello", 1, false},
		"160 fit alone":                  {strings.Repeat("a", 160), 1, false},
		"161 do not":                     {strings.Repeat("a", 161), 2, false},
		"306 fit in two":                 {strings.Repeat("a", 306), 2, false},
		"307 do not":                     {strings.Repeat("a", 307), 3, false},
		"umlauts are in the alphabet":    {strings.Repeat("äöüß", 40), 1, false},
		"a euro costs two":               {strings.Repeat("a", 158) + "€", 1, false},
		"which may be too much":          {strings.Repeat("a", 159) + "€", 2, false},
		"an escape is not cut in two":    {strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), 3, false},
		"one accent turns all":           {strings.Repeat("a", 70) + "ê", 2, true},
		"70 fit alone":                   {strings.Repeat("я", 70), 1, true},
		"71 do not":                      {strings.Repeat("я", 71), 2, true},
		"134 fit in two":                 {strings.Repeat("я", 134), 2, true},
		"135 do not":                     {strings.Repeat("я", 135), 3, true},
		"an emoji costs two":             {strings.Repeat("😀", 35), 1, true},
		"and is not cut in two":          {strings.Repeat("😀", 67), 3, true},
		"an emoji in a name costs three": {"Hello " + strings.Repeat("a", 149) + "😀", 3, true},
	} {
		if s := CountSegments(tc.text); s.Count != tc.count || s.Unicode != tc.unicode {
			t.Errorf("%s: %+v, want %d, unicode %v", name, s, tc.count, tc.unicode)
		}
	}
}
