// Package forget removes one person's data from everywhere usher put it: from the
// streams (streams.go), from the histories of workflows (runs.go), from the catcher
// and the logs of databases on this machine (machine.go), and from PEOPLE, where a
// tombstone without data stays, so that a later list does not welcome the person
// anew. Files that operators dropped are theirs: those that name the person are
// listed (files.go), and not changed.
//
// Only what is the person's for certain is erased (marks.go): a message about
// another person that mentions this one stays, and is counted.
//
// Run may be called again after a failure: the rest is removed then. The records
// in USERS go last, because they tell the addresses by which the rest is found.
package forget
