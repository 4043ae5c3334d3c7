package console

import (
	"fmt"
	"slices"
)

// figure is numbers by label and series, in the order in which they came.
type figure struct {
	title, about   string
	labels, series []string
	values         map[[2]string]float64
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

// chart is a figure as the page draws it: a bar for each number, and a table
// with the same numbers for those who cannot see it.
type chart struct {
	Title, About  string
	Width, Height int
	Bars          []bar
	Ticks         []tick // below the bars
	Max           float64
	Series        []string
	Rows          []row
}

type bar struct {
	X, Y, W, H float64
	Series     int // its colour
	Tip        string
}

type tick struct {
	X     float64
	Label string
}

type row struct {
	Label  string
	Values []float64
}

const (
	chartWidth  = 960
	chartHeight = 200
	mostTicks   = 12
)

func (f *figure) draw() chart {
	c := chart{Title: f.title, About: f.about, Width: chartWidth, Height: chartHeight, Series: f.series}
	for _, v := range f.values {
		c.Max = max(c.Max, v)
	}
	slot := float64(chartWidth) / float64(max(len(f.labels), 1))
	thick := slot * 0.8 / float64(max(len(f.series), 1))
	every := len(f.labels)/mostTicks + 1
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
		c.Rows = append(c.Rows, r)
		if i%every == 0 {
			c.Ticks = append(c.Ticks, tick{X: (float64(i) + 0.5) * slot, Label: label})
		}
	}
	return c
}
