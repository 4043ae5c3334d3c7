// Package files works in folders that others may write into at the same time.
//
// A folder is opened once and used through os.Root: whatever is renamed or linked
// there meanwhile, usher stays inside, and goes on in the very folder that it has
// opened. State changes by rename (write.go), and what was looked at is compared
// with what is opened (look.go). Errors come out without paths, which may name
// people (errors.go).
package files
