// Package uploads keeps the files that people bring to the console until they are given
// to an inbox or forgotten.
//
// A file is received into a folder of usher's own (receive.go), where no watcher sees
// it: what breaks off in the middle leaves nothing in an inbox. Then it is looked at,
// checked by the code of an import, and given to the inbox by a rename (steps.go), each
// in its turn and not while a person's browser waits. What became of earlier files, and
// the rows that came back, are read from the watcher's folders (reports.go).
//
// Nothing of it lasts: a file that is not given within an hour, and what a start finds,
// is removed. A Store is safe for concurrent use; Run does the steps until its context
// ends. Errors that are marked permanent say in a sentence what a person did wrong, and
// hold no path; all others are for the log.
package uploads
