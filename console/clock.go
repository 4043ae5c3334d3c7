package console

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
	_ "time/tzdata" // zones where the machine has no list of them

	lru "github.com/hashicorp/golang-lru/v2"
)

// zoneCookie holds the reader's zone as the IANA database names it. Only a script can
// know it; without one, times are in UTC.
const zoneCookie = "usher_zone"

// mostZones is how many zones have templates at once, those that were used last.
const mostZones = 16

// zones are the pages in each reader's zone.
type zones struct {
	of *lru.Cache[string, *template.Template]
}

func newZones() zones {
	c, err := lru.New[string, *template.Template](mostZones)
	if err != nil {
		panic("console: the size of the cache is positive: " + err.Error())
	}
	return zones{c}
}

// zoneOf is the reader's zone.
func zoneOf(r *http.Request) *time.Location {
	c, err := r.Cookie(zoneCookie)
	if err != nil || c.Value == "" || c.Value == "Local" || len(c.Value) > 64 {
		return time.UTC
	}
	zone, err := time.LoadLocation(c.Value)
	if err != nil {
		return time.UTC
	}
	return zone
}

// in returns the pages with times in a zone, and with the words of reasons.
func (z zones) in(zone *time.Location, words func(reason string) string) (*template.Template, error) {
	if t, ok := z.of.Get(zone.String()); ok {
		return t, nil
	}
	t, err := pages.Clone()
	if err != nil {
		return nil, err
	}
	t.Funcs(clocks(zone)).Funcs(template.FuncMap{"reason": words})
	z.of.Add(zone.String(), t)
	return t, nil
}

// clocks are the functions that pages show times by: when is a time with how long ago
// that is, ago says only that, and both have the whole in a title.
func clocks(zone *time.Location) template.FuncMap {
	return template.FuncMap{
		"when": func(at time.Time) template.HTML {
			if at.IsZero() {
				return ""
			}
			return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time> <small class="ago" data-at="%[1]s">%[3]s</small>`, machine(at), clock(at, zone), ago(at, time.Now()))) // nothing in it needs escaping
		},
		"ago": func(at time.Time) template.HTML {
			if at.IsZero() {
				return ""
			}
			return template.HTML(fmt.Sprintf(`<time class="ago" datetime="%s" data-at="%[1]s" title="%[2]s">%[3]s</time>`, machine(at), clock(at, zone), ago(at, time.Now())))
		},
		"zone": zone.String,
	}
}

func machine(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }

// clock is a time with the name of its zone.
func clock(at time.Time, zone *time.Location) string {
	name, _ := at.In(zone).Zone()
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") { // a zone without a name of its own
		name = "UTC" + name
	}
	return at.In(zone).Format("2006-01-02 15:04:05 ") + name
}

// ago is a time in relation to now; clock.js says it in the same words.
func ago(at, now time.Time) string {
	d, form := now.Sub(at), "%s ago"
	if d < 0 {
		d, form = -d, "in %s"
	}
	var s string
	switch {
	case d < time.Minute && form == "in %s":
		return "in a moment"
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		s = fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		s = fmt.Sprintf("%d h", d/time.Hour)
	default:
		s = fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return fmt.Sprintf(form, s)
}
