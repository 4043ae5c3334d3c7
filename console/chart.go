package console

import (
	"fmt"
	"slices"
	"strings"
)

// figure is numbers by label and series, in the order in which they came.
type figure struct {
	title, about   string
	labels, series []string
	values         map[[2]string]float64
	overTime       bool // labels are times, one after the other
}

func bars(title, about string) *figure {
	return &figure{title: title, about: about, values: map[[2]string]float64{}}
}

func (f *figure) add(label, series string, v float64) {
	if !slices.Contains(f.labels, label) {
		f.labels = append(f.labels, label)
	}
	if !slices.Contains(f.series, series) {
		f.series = append(f.series, series)
	}
	f.values[[2]string{label, series}] += v
}

// chart is a figure as the page draws it: over time a bar for each number, and else a
// row for each label, with a table of the same numbers for those who cannot see it.
type chart struct {
	Title, About  string
	OverTime      bool
	Width, Height int
	Bars          []bar
	Ticks, Few    []tick // below the bars, where there is room and where there is little
	Max           float64
	Series        []string
	Rows          []row
	None          string // the labels without a number, where rows are left out
}

type bar struct {
	X, Y, W, H float64
	Series     int // its colour
	Tip        string
}

type tick struct {
	X             float64
	Anchor, Label string
}

type row struct {
	Label  string
	Values []float64
	Share  float64 // of the first value in the greatest one, in percent
}

const (
	chartWidth  = 960
	chartHeight = 200
	narrowWidth = 340 // of the picture on a small screen
	mostTicks   = 12
	fewTicks    = 3
)

func (f *figure) draw() chart {
	c := chart{Title: f.title, About: f.about, Width: chartWidth, Height: chartHeight, Series: f.series, OverTime: f.overTime}
	for _, v := range f.values {
		c.Max = max(c.Max, v)
	}
	slot := float64(chartWidth) / float64(max(len(f.labels), 1))
	thick := slot * 0.8 / float64(max(len(f.series), 1))
	var none []string
	for i, label := range f.labels {
		r := row{Label: label}
		for s, series := range f.series {
			v := f.values[[2]string{label, series}]
			r.Values = append(r.Values, v)
			if v == 0 {
				continue
			}
			h := max(v/c.Max*chartHeight, 1)
			c.Bars = append(c.Bars, bar{
				X: float64(i)*slot + slot*0.1 + float64(s)*thick, Y: chartHeight - h, W: thick, H: h, Series: s,
				Tip: fmt.Sprintf("%s, %s: %g", label, series, v),
			})
		}
		if len(r.Values) > 0 && c.Max > 0 {
			r.Share = r.Values[0] / c.Max * 100
		}
		if r.Share == 0 {
			none = append(none, strings.ReplaceAll(label, "_", " "))
		}
		c.Rows = append(c.Rows, r)
	}
	c.None = strings.Join(none, ", ")
	c.Ticks, c.Few = f.ticks(mostTicks, chartWidth), f.ticks(fewTicks, narrowWidth)
	return c
}

// ticks name at most so many labels below a picture, and none leaves it.
func (f *figure) ticks(most int, width float64) (out []tick) {
	n := len(f.labels)
	every := (n + most - 1) / max(most, 1)
	for i := 0; i < n; i += max(every, 1) {
		t := tick{(float64(i) + 0.5) * width / float64(n), "middle", f.labels[i]}
		half := float64(len(t.Label)) * 3.5 // of the text, in units of the picture
		switch {
		case t.X < half:
			t.X, t.Anchor = 0, "start"
		case t.X > width-half:
			t.X, t.Anchor = width, "end"
		}
		out = append(out, t)
	}
	return out
}
