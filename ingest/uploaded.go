package ingest

import (
	"crypto/hmac"
	"encoding/json"
	"os"
	"time"

	"usher/disk"
	"usher/event"
	"usher/table"
)

// Who gave a file to usher at the console is noted beside the file in its claim, under
// a signature of the key that all of usher's processes have. The claims are usher's own
// folder, but on a share the droppers may reach it: they can neither make such a note
// nor take one from another file, because it names the bytes.

// uploadedNote lies in the claim of a file that came by the console.
const uploadedNote = ".uploaded.json"

// uploaded is what the note says.
type uploaded struct {
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	Digest    string    `json:"sha256"`
	Signature string    `json:"signature"`
}

func (u uploaded) sign(key event.Key, source string) string {
	return key.Sign("upload", source, u.Digest, u.By, u.At.Format(time.RFC3339Nano))
}

// noteUploaded signs and writes the note below root.
func noteUploaded(root *os.Root, name string, key event.Key, source string, u uploaded) error {
	u.Signature = u.sign(key, source)
	b, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return disk.Replace(root, name, b, 0o640)
}

// uploader puts who gave the file into the report. A note that is not the console's
// own, or is about other bytes, refuses the file: nothing could be told of who gave it.
// The error is a *table.FileError, or one of the file system.
func (j *job) uploader() error {
	b, err := j.claim.ReadFile(uploadedNote)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var u uploaded
	if json.Unmarshal(b, &u) != nil || u.Digest != j.table.Digest || !hmac.Equal([]byte(u.Signature), []byte(u.sign(j.Key, j.in.Source))) {
		return table.Unusable("E_UPLOAD", "the note of who gave this file at the console is damaged, or is about another file")
	}
	j.report.UploadedBy = u.By
	j.progress.uploadedBy(u.By)
	return nil
}
