// Package disk replaces files so that a reader, a kill or the end of the machine finds
// the old content or the new one, and never a part: the new file is written beside the
// old one, synced, and renamed. What differs is how long it must last, which each
// function says. Temporary names begin with a dot or end in .new; no inbox takes them.
package disk
