package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Text writes the report for people: a line a check, and below it what is wrong.
func (r Report) Text(w io.Writer) error {
	var b strings.Builder
	category, counts := "", map[Mark]int{}
	for _, c := range r.Checks {
		if c.Category != category {
			if category != "" {
				b.WriteByte('\n')
			}
			category = c.Category
			fmt.Fprintf(&b, "%s\n", category)
		}
		counts[c.Mark]++
		fmt.Fprintf(&b, "%s %s %s", c.Mark.Sign(), c.Code, c.Title)
		if c.Says != "" && len(c.Problems) == 0 {
			fmt.Fprintf(&b, ": %s", c.Says)
		}
		b.WriteByte('\n')
		for _, p := range c.Problems {
			fmt.Fprintf(&b, "         %s\n", strings.ReplaceAll(p, "\n", "\n         "))
		}
		if c.Hint != "" {
			fmt.Fprintf(&b, "         see %s\n", c.Hint)
		}
	}
	fmt.Fprintf(&b, "\n%d in order, %s, %d failed, %d not looked at\n", counts[OK], plural(counts[Warning], "warning"), counts[Failed], counts[Skipped])
	_, err := io.WriteString(w, b.String())
	return err
}

// JSON writes the report as one document.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Table is the part of docs/doctor.md that is made from the catalogue.
func Table() string {
	var b strings.Builder
	category := ""
	for _, c := range Checks() {
		if c.Category != category {
			category = c.Category
			fmt.Fprintf(&b, "\n### %s\n\n| code | what is checked | what to do when it is not so |\n| --- | --- | --- |\n", strings.ToUpper(category[:1])+category[1:])
		}
		fmt.Fprintf(&b, "| <a id=\"%s\"></a>%s | %s | %s |\n", strings.ToLower(c.Code), c.Code, c.Title, c.Do)
	}
	return b.String()
}
