// Package ingest is the watch role: files that operators drop into an inbox
// become events, each record exactly once, and bad rows come back with reasons.
//
// The life of a file: it is seen, by a file event or a look at the folder
// (hints.go); it has settled, because the kernel says that nobody has it open for
// writing and nothing changed for a moment (settle.go); it is claimed by a rename
// into .usher/ inside its inbox, under a fresh import id; it waits for an
// importer, the small ones first (queue.go); it is read to find its digest and
// form (package table), once more to find its bad rows, and once more to publish
// (import.go, passes.go); it is archived with its report (finish.go). A crash between any two steps is made
// good by doing the step again: the original moves only after its last record
// was acknowledged. A file on which usher itself dies is given back (tries.go).
//
// An inbox is used through the folder that was opened (inbox.go, folder.go). One
// watcher works there at a time (lock.go), which only spares work.
//
// What makes it exactly once is the checkpoint. Records and the progress of
// their file commit in one atomic batch on one stream, and the checkpoint is
// guarded by the sequence of the one before, so neither a crash nor a second
// watcher can publish a record twice. A file is known by the SHA-256 of its
// bytes, whatever its name.
package ingest
