package event

import "time"

// SavedColumns is the body of users.v1.columns.<source>.<fingerprint>: what a person
// said that the columns of files with just these titles are. The last one counts, for
// ever; one without columns takes back what was said before. It names no person.
type SavedColumns struct {
	Source      string            `json:"source"`
	Fingerprint string            `json:"fingerprint"`
	Titles      []string          `json:"titles"`
	Columns     map[string]string `json:"columns"` // by title: user_id, email and so on, attribute, ignored
	Actor       string            `json:"actor"`
	At          time.Time         `json:"at"`
}

// Subject is where they are kept.
func (c SavedColumns) Subject() string { return ColumnsSubject(c.Source, c.Fingerprint) }

// ColumnsSubject is where the columns of files of an inbox are kept.
func ColumnsSubject(source, fingerprint string) string {
	return "users.v1.columns." + source + "." + fingerprint
}
