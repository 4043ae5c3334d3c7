package event

import (
	"encoding/json"
	"fmt"
	"strings"
)

// User is the body of users.v1.imported.<source>: one record of a dropped file,
// validated and in normal form.
type User struct {
	UserID     string            `json:"user_id"`
	Name       string            `json:"name,omitempty"`
	GivenName  string            `json:"given_name,omitempty"`  // only of a list that has the parts of a name apart
	FamilyName string            `json:"family_name,omitempty"` // likewise
	Email      string            `json:"email,omitempty"`
	Phone      string            `json:"phone,omitempty"` // E.164
	Locale     string            `json:"locale,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Import     Import            `json:"import"`
}

// Import says which file a record came from.
type Import struct {
	ID     string `json:"id"`
	File   string `json:"file"`
	Record int    `json:"record"` // 1 is the first after the header
	Line   int    `json:"line"`   // 1 is the first of the file

	UploadedBy string `json:"uploaded_by,omitempty"` // the console's account that gave the file; "" when it was dropped
}

// SameData reports whether u and v say the same about the person, wherever they
// came from. One without the parts of the name leaves open what they are, and
// contradicts no other: records from before usher kept the parts have none, and
// with the next list everybody would be a person who was changed. The order in
// which a map is walked makes no difference here.
//
//workflowcheck:ignore
func (u User) SameData(v User) bool {
	if len(u.Attributes) != len(v.Attributes) {
		return false
	}
	for k, a := range u.Attributes {
		if b, ok := v.Attributes[k]; !ok || a != b {
			return false
		}
	}
	return u.UserID == v.UserID && u.Name == v.Name && u.Email == v.Email &&
		u.Phone == v.Phone && u.Locale == v.Locale &&
		(!u.hasParts() || !v.hasParts() || u.GivenName == v.GivenName && u.FamilyName == v.FamilyName)
}

func (u User) hasParts() bool { return u.GivenName != "" || u.FamilyName != "" }

// WithParts is u, with the parts of v's name if it has none itself.
func (u User) WithParts(v User) User {
	if !u.hasParts() {
		u.GivenName, u.FamilyName = v.GivenName, v.FamilyName
	}
	return u
}

// ParseUser reads the body of an imported event. Errors wrap ErrMalformed and
// name no value of the record.
func ParseUser(data []byte) (User, error) {
	var u User
	if err := json.Unmarshal(data, &u); err != nil {
		return u, wrongType(err, "the user")
	}
	if err := CheckUserID(u.UserID); err != nil {
		return u, fmt.Errorf("%w: user_id: %w", ErrMalformed, err)
	}
	if u.Email == "" && u.Phone == "" {
		return u, fmt.Errorf("%w: the user has neither email nor phone", ErrMalformed)
	}
	return u, nil
}

// ParseImportedSubject returns the inbox of users.v1.imported.<source>. Errors
// wrap ErrMalformed.
func ParseImportedSubject(subject string) (source string, err error) {
	source, ok := strings.CutPrefix(subject, "users.v1.imported.")
	if !ok || CheckSource(source) != nil {
		return "", fmt.Errorf("%w: the subject is not users.v1.imported.<source>", ErrMalformed)
	}
	return source, nil
}
