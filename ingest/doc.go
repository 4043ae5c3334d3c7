// Package ingest is the watch role: files that operators drop into an inbox
// become events, each record exactly once, and bad rows come back with reasons.
//
// The life of a file: it is complete, and claimed under a fresh import id (package
// inbox); it is read to find its digest and form (package table), once more to find
// its bad rows, and once more to publish (import.go, passes.go); it is archived
// with its report (finish.go). A crash between any two steps is made good by doing
// the step again: the original moves only after its last record was acknowledged.
// A file on which usher itself dies is given back (tries.go). Files are touched
// through package files only, which stays in the folder that was opened.
//
// What makes it exactly once is the checkpoint. Records and the progress of
// their file commit in one atomic batch on one stream, and the checkpoint is
// guarded by the sequence of the one before, so neither a crash nor a second
// watcher can publish a record twice. A file is known by the SHA-256 of its
// bytes, whatever its name.
package ingest
