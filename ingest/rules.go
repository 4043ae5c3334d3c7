package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"usher/table"
)

// Rules say what an inbox takes. Each setting is a value for all inboxes, or
// NAME=VALUE for one; the latter comes first.
type Rules struct {
	Region            []string `help:"Country of phone numbers without a country code, such as DE." placeholder:"[NAME=]CC"`
	AllOrNothing      []string `help:"Inboxes whose files are refused whole when one row is refused; \"all\" for every one." placeholder:"NAME"`
	MaxRows           []string `help:"Most rows of a file; 0 is no limit." placeholder:"[NAME=]N"`
	MaxRefused        []string `help:"Most refused rows of a file; beyond it the file is refused whole. 0 is no limit." placeholder:"[NAME=]N"`
	Skip              []string `help:"Rows that are left out, by what stands in a column, such as Status=Suspended|Deactivated; repeatable." sep:"none" placeholder:"[NAME=]COLUMN=VALUE|VALUE"`
	Columns           []string `help:"File that says what columns are taken for, a line each, such as Kontakt = email." placeholder:"[NAME=]FILE"`
	Strict            []string `help:"Inboxes whose files are refused when there is a warning about them; \"all\" for every one." placeholder:"NAME"`
	HiddenRows        []string `help:"What is done with rows that a sheet of Excel hides: skip or take; without it they are refused." placeholder:"[NAME=]skip|take"`
	MaxRefusedPercent []string `help:"Most refused rows of a hundred, in files of more than 20 rows; 0 is no limit." default:"50" placeholder:"[NAME=]PERCENT"`

	Complete      []string `help:"How a file is known to be whole: marker (NAME.done or NAME.ok beside it), checksum (NAME.sha256), trailer (see --trailer-line, --trailer-name)." placeholder:"[NAME=]WAY"`
	TrailerLine   []string `help:"With --complete trailer: the last line; %d is the number of rows, * anything." placeholder:"[NAME=]PATTERN"`
	TrailerName   []string `help:"With --complete trailer: the file's name; %d is the number of rows, * anything." placeholder:"[NAME=]PATTERN"`
	LastLine      []string `help:"What becomes of a text file that may have been cut off, by its last line: any (imported with a warning), hold (a person decides) or refuse. Without it, hold once five files with the same titles all ended in a line end." placeholder:"[NAME=]WAY"`
	MinRows       []string `help:"Fewest rows of a file; one with fewer waits for a person." placeholder:"[NAME=]N"`
	ShrinkPercent []string `help:"A file with so many percent fewer rows than the inbox's last one waits for a person." placeholder:"[NAME=]PERCENT"`
}

// allInboxes stands for all of them where only names are given.
const allInboxes = "all"

// ForInbox fills in what the rules say about one inbox. Its error names each flag that
// is wrong.
func (r Rules) ForInbox(source, dir string) (Inbox, error) {
	in := Inbox{Source: source, Dir: dir, Region: strings.ToUpper(forInbox(r.Region, source))}
	for _, name := range r.AllOrNothing {
		in.AllOrNothing = in.AllOrNothing || name == source || name == allInboxes
	}
	for _, name := range r.Strict {
		in.Strict = in.Strict || name == source || name == allInboxes
	}
	var errs []error
	for _, rule := range r.Skip {
		name, rule := skipFor(rule)
		parsed, err := ParseSkip(rule)
		if err != nil {
			errs = append(errs, fmt.Errorf("--skip: %w", err))
		} else if name == "" || name == source {
			in.Skip = append(in.Skip, parsed)
		}
	}
	if file := forInbox(r.Columns, source); file != "" {
		var err error
		if in.Columns, err = table.ReadMapping(file); err != nil {
			errs = append(errs, fmt.Errorf("--columns: %w", err))
		}
	}
	number := func(flag string, values []string, most float64) float64 {
		v := forInbox(values, source)
		if v == "" {
			return 0
		}
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || n < 0 || n > most {
			errs = append(errs, fmt.Errorf("--%s: %q is not a number from 0 to %g", flag, v, most))
		}
		return n
	}
	in.MaxRows = int(number("max-rows", r.MaxRows, 1e9))
	in.MaxRefused = int(number("max-refused", r.MaxRefused, 1e9))
	in.MaxRefusedPercent = number("max-refused-percent", r.MaxRefusedPercent, 100)
	switch in.HiddenRows = table.HiddenRows(forInbox(r.HiddenRows, source)); in.HiddenRows {
	case table.RefuseHidden, table.SkipHidden, table.TakeHidden:
	default:
		errs = append(errs, fmt.Errorf("--hidden-rows: %q is none of skip and take; without the flag hidden rows are refused", in.HiddenRows))
	}
	in.Complete, in.LastLine = forInbox(r.Complete, source), forInbox(r.LastLine, source)
	if in.Complete == CompleteTrailer { // a pattern for all inboxes does not ask for one
		in.TrailerLine, in.TrailerName = forInbox(r.TrailerLine, source), forInbox(r.TrailerName, source)
	}
	in.MinRows = int(number("min-rows", r.MinRows, 1e9))
	in.Shrink = number("shrink-percent", r.ShrinkPercent, 100)
	errs = append(errs, in.CheckWhole())
	if in.Region != "" && !KnownRegion(in.Region) {
		errs = append(errs, fmt.Errorf("--region: %q is not a country; write two letters such as DE", in.Region))
	}
	return in, errors.Join(errs...)
}

// ofInbox reads NAME=VALUE. What stands before the sign and cannot be the name of an
// inbox is part of a value for all.
func ofInbox(v string) (name, value string, named bool) {
	name, value, named = strings.Cut(v, "=")
	if named && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "", v, false
	}
	return name, value, named
}

// skipFor takes the name of an inbox off a rule, which has an equals sign of its own.
func skipFor(s string) (name, rule string) {
	if first, rest, ok := strings.Cut(s, "="); ok && strings.Contains(rest, "=") {
		return first, rest
	}
	return "", s
}

// forInbox is the value for one inbox: its own, else the last one for all.
func forInbox(values []string, source string) string {
	all, own := "", ""
	for _, v := range values {
		if name, value, named := ofInbox(v); !named {
			all = v
		} else if name == source {
			own = value
		}
	}
	if own != "" {
		return own
	}
	return all
}

// Check reports what is wrong with the rules of the inboxes there are, and names that
// are no inbox, which would be silently without effect.
func (r Rules) Check(known map[string]bool) error {
	var errs []error
	unknown := func(flag, name string) {
		if !known[name] {
			errs = append(errs, fmt.Errorf("--%s: there is no inbox %q", flag, name))
		}
	}
	for _, rule := range r.Skip {
		if name, _ := skipFor(rule); name != "" {
			unknown("skip", name)
		}
	}
	for _, name := range r.Strict {
		if name != allInboxes {
			unknown("strict", name)
		}
	}
	for flag, values := range map[string][]string{"region": r.Region, "columns": r.Columns, "max-rows": r.MaxRows, "max-refused": r.MaxRefused, "hidden-rows": r.HiddenRows, "max-refused-percent": r.MaxRefusedPercent,
		"complete": r.Complete, "trailer-line": r.TrailerLine, "trailer-name": r.TrailerName, "last-line": r.LastLine, "min-rows": r.MinRows, "shrink-percent": r.ShrinkPercent} {
		for _, v := range values {
			if name, _, named := ofInbox(v); named {
				unknown(flag, name)
			}
		}
	}
	for _, name := range r.AllOrNothing {
		if name != allInboxes {
			unknown("all-or-nothing", name)
		}
	}
	for name := range known {
		if _, err := r.ForInbox(name, ""); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
