package logins

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what a person or a program may do at the console.
type Role string

// Roles, from the one that may do least.
const (
	Viewer   Role = "viewer"
	Verifier Role = "verifier"
	Operator Role = "operator"
	Auditor  Role = "auditor"
	Admin    Role = "admin"
)

// Roles are all of them.
func Roles() []Role { return []Role{Viewer, Verifier, Operator, Auditor, Admin} }

// ParseRole reads the name of a role.
func ParseRole(s string) (Role, error) {
	if !slices.Contains(Roles(), Role(s)) {
		return "", fmt.Errorf("there is no role %q; it is one of %s", s, names(Roles()))
	}
	return Role(s), nil
}

// Right is what a route of the console asks of the one who calls it.
type Right string

// Rights.
const (
	Anyone   Right = "anyone"   // without a sign-in
	SignedIn Right = "self"     // any sign-in: what is about that login alone
	See      Right = "see"      // people, imports, figures, as far as the role shows them
	Reveal   Right = "reveal"   // personal data of one person, which is recorded
	Export   Right = "export"   // personal data of many people, as a file
	Decide   Right = "decide"   // approve, reject, undo
	Operate  Right = "operate"  // imports, orders, what is sent again
	Listed   Right = "listed"   // which addresses get no messages, of any inbox
	Release  Right = "release"  // such addresses get messages again
	Audit    Right = "audit"    // the trail of who did what
	Payloads Right = "payloads" // what workflows hold, of any inbox
	Manage   Right = "manage"   // logins and tokens of others
)

// Rights are all that a role can have.
func Rights() []Right {
	return []Right{SignedIn, See, Reveal, Export, Decide, Operate, Listed, Release, Audit, Payloads, Manage}
}

var may = map[Role][]Right{
	Viewer:   {SignedIn, See, Reveal},
	Verifier: {SignedIn, See, Reveal, Decide},
	Operator: {SignedIn, See, Reveal, Export, Operate, Listed, Release, Payloads},
	Auditor:  {SignedIn, See, Reveal, Export, Listed, Audit, Payloads},
	Admin:    Rights(),
}

// May tells whether the role has a right.
func (r Role) May(right Right) bool {
	return right == Anyone || slices.Contains(may[r], right)
}

// Wide tells whether a right is about all inboxes, so that a login of some does not have
// it: what workflows hold, the trail and the list of addresses do not tell an inbox, and a
// login of one inbox could make one of all.
func (r Right) Wide() bool {
	return slices.Contains([]Right{Payloads, Audit, Listed, Release, Manage}, r)
}

// Masks tells whether personal data is masked for the role until it is revealed.
func (r Role) Masks() bool { return r == Viewer }

// Having are the roles that have a right.
func Having(right Right) (out []Role) {
	for _, r := range Roles() {
		if r.May(right) {
			out = append(out, r)
		}
	}
	return out
}

func names(roles []Role) string {
	s := make([]string, 0, len(roles))
	for _, r := range roles {
		s = append(s, string(r))
	}
	return strings.Join(s, ", ")
}
