package event

import "slices"

// Verifiers are the sources that may decide about people of one inbox; none
// means all.
type Verifiers []string

// Allow tells whether a source may decide. The console and the command line
// always may: they are people who signed in. A canary decides about itself.
func (v Verifiers) Allow(source string) bool {
	return len(v) == 0 || source == SourceConsole || source == SourceCLI || source == SourceCanary || slices.Contains(v, source)
}
