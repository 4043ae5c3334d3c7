package ingest

import (
	"regexp"
	"strings"

	"usher/ingest/files"
	"usher/ingest/inbox"
	"usher/table"
)

// besides is what an inbox asks for beside a file.
func besides(in Inbox) inbox.Beside {
	switch in.Complete {
	case CompleteMarker:
		return inbox.Beside{Endings: []string{".done", ".ok"}, After: true}
	case CompleteChecksum:
		return inbox.Beside{Endings: []string{".sha256"}, Least: 64}
	}
	return inbox.Beside{}
}

// beside is what lay beside the file: its ending and its name in the claim.
func (j *job) beside() (ending, in string, ok bool) {
	if j.redrop {
		return "", "", false
	}
	return j.folder.BesideIn(j.report.Import, j.name, besides(j.in), j.claimed)
}

// sha256Line is a line as sha256sum writes it, or the digest alone.
var sha256Line = regexp.MustCompile(`^\\?([0-9a-fA-F]{64})(?:\s|$)`)

// mostChecksum is how many bytes of a checksum file are read.
const mostChecksum = 64 << 10

// vouched holds the file against the checksum that its sender gave. The error is a
// *table.FileError, or one of the file system.
func (j *job) vouched() error {
	if j.redrop || j.in.Complete != CompleteChecksum {
		return nil
	}
	_, in, ok := j.beside()
	if !ok {
		return table.Unusable("E_CHECKSUM", "the file with the checksum is gone; have both sent again")
	}
	f, l, err := files.OpenPlain(j.claim, in)
	if err != nil {
		return files.Reason(err)
	}
	defer f.Close()
	text := make([]byte, min(l.Size, mostChecksum))
	if _, err := f.ReadAt(text, 0); err != nil {
		return files.Reason(err)
	}
	m := sha256Line.FindStringSubmatch(strings.TrimSpace(string(text)))
	switch {
	case m == nil:
		return table.Unusable("E_CHECKSUM", "the file with the checksum does not begin with 64 hexadecimal digits, as sha256sum writes them")
	case !strings.EqualFold(m[1], j.table.Digest):
		return table.Unusable("E_CHECKSUM", "the file is not the one whose checksum was sent: it was cut off, or one of them is of another upload")
	}
	return nil
}

// IsSign tells whether a file of the name would be taken for what the inbox asks for
// beside a file.
func IsSign(in Inbox, name string) bool { return besides(in).Sign(name) }
