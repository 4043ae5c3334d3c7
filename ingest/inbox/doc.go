// Package inbox finds the files of a folder that are complete and claims them for
// their import.
//
// A file is seen, by a file event or a look at the folder (hints.go); it has
// settled, because the kernel says that no program has it open for writing and
// nothing changed for a moment (settle.go, lease.go); it is claimed by a rename
// into .usher/ inside its inbox, under a fresh import id (claim.go); and it waits
// for an importer, the small ones first (queue.go). Config.Import does the rest.
//
// An inbox is used through the folder that was opened (inbox.go). One watcher works
// there at a time (lock.go), which only spares work: a claim is a rename, which one
// watcher wins, and which of two watchers may publish is decided elsewhere.
//
// Watch blocks until its context ends and leaves no goroutine. Nothing is lost when
// the process dies: a claim without an import is found by the next look.
package inbox
