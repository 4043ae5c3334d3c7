package logins

import (
	"errors"
	"slices"
	"strings"
)

// Grant is the role that a group has, of those that others than usher keep.
type Grant struct {
	Group   string
	Role    Role
	Inboxes []string // none: all
}

// ParseGrant reads ROLE=GROUP, or ROLE:INBOX+INBOX=GROUP. What a group is called may have
// anything in it.
func ParseGrant(s string) (g Grant, err error) {
	scope, group, ok := strings.Cut(s, "=")
	role, inboxes, some := strings.Cut(scope, ":")
	g = Grant{Group: strings.TrimSpace(group), Role: Role(strings.TrimSpace(role))}
	if !ok || g.Group == "" {
		return g, errors.New("give a role and a group, as verifier=GROUP or verifier:hr+partners=GROUP")
	}
	if some {
		g.Inboxes = strings.Split(strings.TrimSpace(inboxes), "+")
	}
	g.Inboxes, err = checkScope(g.Role, g.Inboxes)
	return g, err
}

// ScopeOf is what one who belongs to groups may do: the role of the first grant that names
// one of them, for the inboxes of all grants of that role that do. ok is false when none
// does.
func ScopeOf(grants []Grant, groups []string) (role Role, inboxes []string, ok bool) {
	for _, g := range grants {
		if !slices.Contains(groups, g.Group) || ok && g.Role != role {
			continue
		}
		switch {
		case !ok:
			role, inboxes, ok = g.Role, g.Inboxes, true
		case len(inboxes) > 0 && len(g.Inboxes) > 0:
			inboxes = slices.Concat(inboxes, g.Inboxes)
		default:
			inboxes = nil
		}
	}
	slices.Sort(inboxes)
	return role, slices.Compact(inboxes), ok
}
