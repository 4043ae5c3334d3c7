package account

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"usher/event"
)

// Schemas and media type of RFC 7643 and RFC 7644.
const (
	schemaUser    = "urn:ietf:params:scim:schemas:core:2.0:User"
	schemaPatchOp = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	mediaSCIM     = "application/scim+json"
)

// scimTarget is a service provider of SCIM 2.0. A user's account is the one whose
// externalId is the user id; usher never touches another.
type scimTarget struct {
	caller
	users    *url.URL
	token    string
	undo     string
	userName string
}

func newSCIM(c Config, base *url.URL) (*scimTarget, error) {
	switch {
	case c.Token == "" || strings.ContainsAny(c.Token, "\r\n\t "):
		return nil, errors.New("a bearer token is needed, without blanks in it")
	case base.RawQuery != "":
		return nil, errors.New("the address of the SCIM service must not have a query: give what stands before /Users")
	case strings.HasSuffix(strings.TrimRight(base.Path, "/"), "/Users"):
		return nil, errors.New("the address of the SCIM service must not end with /Users: give what stands before it")
	}
	return &scimTarget{newCaller(c.Limit), base.JoinPath("Users"), c.Token, c.Undo, c.UserName}, nil
}

func (*scimTarget) Name() string { return SCIM }

// resource is an account as the service sends it.
type resource struct {
	ID         string `json:"id"`
	ExternalID string `json:"externalId"`
	Active     *bool  `json:"active"`
	Meta       struct {
		Version string `json:"version"` // its ETag, when the service has them
	} `json:"meta"`

	whole json.RawMessage // for a PUT, which replaces everything
}

func (r *resource) UnmarshalJSON(b []byte) error {
	type plain resource
	r.whole = slices.Clone(b)
	return json.Unmarshal(b, (*plain)(r))
}

// usable takes a missing `active` for true: RFC 7643, 4.1.1 leaves its meaning to
// the service, and one that does not keep it has no other state.
func (r resource) usable() bool { return r.Active == nil || *r.Active }

// Activate implements Target: look for the account, make it if there is none,
// and set it active if it is not.
func (s *scimTarget) Activate(ctx context.Context, _ string, u event.User) (Account, error) {
	found, err := s.lookup(ctx, u.UserID)
	if err != nil {
		return Account{}, err
	}
	created := found == nil
	if created {
		if found, created, err = s.create(ctx, u); err != nil {
			return Account{}, err
		}
	}
	a := Account{ID: found.ID, Created: created}
	if !found.usable() {
		return a, s.setActive(ctx, *found, true)
	}
	return a, nil
}

// create makes the account. When its answer gets lost or it has been made meanwhile, it
// looks again at once: what it finds then after an unanswered POST was made by
// that POST, because a moment before there was nothing.
func (s *scimTarget) create(ctx context.Context, u event.User) (found *resource, created bool, err error) {
	a, lost := s.call(ctx, http.MethodPost, s.users.String(), s.header(), encode(s.newUser(u)))
	if lost == nil && a.ok() {
		var r resource
		if err := json.Unmarshal(a.body, &r); err != nil || r.ID == "" {
			r = resource{} // made, but not told in words that can be read: Deactivate looks it up
		}
		return &r, true, nil
	}
	if lost == nil && a.status != http.StatusConflict {
		return nil, false, s.refused(a)
	}
	found, err = s.lookup(ctx, u.UserID)
	switch {
	case err != nil:
		return nil, false, errors.Join(lost, err)
	case found != nil:
		return found, lost != nil, nil
	case lost != nil:
		return nil, false, lost
	}
	found, err = s.named(ctx, u)
	return found, false, err
}

// named looks who has the name that is said to be taken. A service whose search
// is behind its accounts shows none; then the next try finds out.
func (s *scimTarget) named(ctx context.Context, u event.User) (*resource, error) {
	same, err := s.search(ctx, "userName", s.name(u))
	if err != nil {
		return nil, err
	}
	for _, r := range same {
		if r.ExternalID == u.UserID && r.ID != "" {
			return &r, nil
		}
	}
	if len(same) == 0 {
		return nil, &failure{ReasonTaken, errors.New("the account service says that the name is taken, and does not show yet by whom")}
	}
	return nil, forGood(ReasonTaken, "another account has the user's name: give that one the user id as externalId, or change its name")
}

// Deactivate implements Target. Also a wrong address answers that there is no
// such account, so the look for who carries the user id has the last word.
func (s *scimTarget) Deactivate(ctx context.Context, _, userID string, a Account) error {
	if a.ID != "" {
		if err := s.takeBack(ctx, resource{ID: a.ID}, a); !errors.Is(err, errGone) {
			return err
		}
	}
	found, err := s.lookup(ctx, userID)
	if err != nil || found == nil {
		return err
	}
	return s.takeBack(ctx, *found, a)
}

// takeBack deletes the account if usher made it and is to delete such, and else
// sets it inactive.
func (s *scimTarget) takeBack(ctx context.Context, r resource, a Account) error {
	switch {
	case s.undo == UndoDelete && a.Created && (a.ID == "" || a.ID == r.ID):
		return s.change(ctx, http.MethodDelete, r, nil)
	case !r.usable():
		return nil
	}
	return s.setActive(ctx, r, false)
}

var errGone = errors.New("the account is not there any more")

// lookup finds the account that carries the user id, nil when there is none.
func (s *scimTarget) lookup(ctx context.Context, userID string) (*resource, error) {
	found, err := s.search(ctx, "externalId", userID)
	if err != nil {
		return nil, err
	}
	for _, r := range found {
		if r.ExternalID != userID || r.ID == "" {
			return nil, misconfigured("the SCIM service does not filter by externalId, so usher cannot tell one user's account from another's")
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return &found[0], nil
	}
	return nil, forGood(ReasonAmbiguous, "%d accounts carry the user id as externalId: leave it with one", len(found))
}

// search lists the accounts whose attribute is value (RFC 7644, 3.4.2.2).
func (s *scimTarget) search(ctx context.Context, attribute, value string) ([]resource, error) {
	quoted, err := json.Marshal(value) // a filter quotes as JSON does
	if err != nil {
		return nil, err
	}
	u := *s.users
	u.RawQuery = url.Values{"filter": {attribute + " eq " + string(quoted)}}.Encode()
	a, err := s.call(ctx, http.MethodGet, u.String(), s.header(), nil)
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		err := s.refused(a)
		if event.IsPermanent(err) { // a look is not about the user
			err = misconfigured("accounts cannot be looked up: %v; the SCIM service must filter by %s", err, attribute)
		}
		return nil, err
	}
	var list struct {
		Resources []resource `json:"Resources"`
	}
	if err := json.Unmarshal(a.body, &list); err != nil {
		return nil, misconfigured("the answer is not that of a SCIM service: check --account-url")
	}
	return list.Resources, nil
}

// setActive changes nothing but `active`.
func (s *scimTarget) setActive(ctx context.Context, r resource, active bool) error {
	err := s.change(ctx, http.MethodPatch, r, map[string]any{
		"schemas": []string{schemaPatchOp}, "Operations": []any{map[string]any{"op": "replace", "path": "active", "value": active}},
	})
	if !errors.Is(err, errNoPatch) {
		return err
	}
	if r.whole == nil {
		if r, err = s.read(ctx, r.ID); err != nil {
			return err
		}
	}
	var whole map[string]json.RawMessage // numbers and what usher does not know stay as they are
	if err := json.Unmarshal(r.whole, &whole); err != nil {
		return misconfigured("the answer is not that of a SCIM service: check --account-url")
	}
	whole["active"] = encode(active)
	return s.change(ctx, http.MethodPut, r, whole)
}

var errNoPatch = errors.New("the SCIM service does not change single attributes")

// read returns one account as the service has it now.
func (s *scimTarget) read(ctx context.Context, id string) (r resource, err error) {
	a, err := s.call(ctx, http.MethodGet, s.users.JoinPath(id).String(), s.header(), nil)
	switch {
	case err != nil:
		return r, err
	case a.status == http.StatusNotFound:
		return r, &failure{ReasonTransient, errGone}
	case !a.ok():
		return r, s.refused(a)
	}
	if err := json.Unmarshal(a.body, &r); err != nil {
		return r, misconfigured("the answer is not that of a SCIM service: check --account-url")
	}
	return r, nil
}

// change makes a request about one account. If it was looked at before, it must
// not have changed since; then the next try looks again.
func (s *scimTarget) change(ctx context.Context, method string, r resource, body any) error {
	h := s.header()
	if r.Meta.Version != "" {
		h.Set("If-Match", r.Meta.Version)
	}
	var b []byte
	if body != nil {
		b = encode(body)
	}
	a, err := s.call(ctx, method, s.users.JoinPath(r.ID).String(), h, b)
	switch {
	case err != nil:
		return err
	case a.ok():
		return nil
	case a.status == http.StatusNotFound:
		return &failure{ReasonTransient, errGone} // the next try looks again
	case method == http.MethodPatch && (a.status == http.StatusMethodNotAllowed || a.status == http.StatusNotImplemented):
		return &failure{ReasonConfig, errNoPatch}
	}
	return s.refused(a)
}

func (s *scimTarget) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + s.token}, "Content-Type": {mediaSCIM}, "Accept": {mediaSCIM + ", application/json"}}
}

// scimTypes are the kinds of errors of RFC 7644, 3.12; no other text of a
// service is told.
var scimTypes = []string{"invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath", "noTarget", "invalidValue", "invalidVers", "sensitive"}

func (*scimTarget) refused(a answer) error {
	var e struct {
		SCIMType string `json:"scimType"`
	}
	_ = json.Unmarshal(a.body, &e) // many services answer in other forms
	if !slices.Contains(scimTypes, e.SCIMType) {
		e.SCIMType = ""
	}
	return answered(a.status, a.header, e.SCIMType)
}

// newUser is the account to make.
func (s *scimTarget) newUser(u event.User) map[string]any {
	out := map[string]any{"schemas": []string{schemaUser}, "externalId": u.UserID, "userName": s.name(u), "active": true}
	if u.Name != "" {
		out["displayName"] = u.Name
	}
	name := map[string]string{} // its parts only as the list has them: a whole name does not say which is which
	for attribute, v := range map[string]string{"formatted": u.Name, "givenName": u.GivenName, "familyName": u.FamilyName} {
		if v != "" {
			name[attribute] = v
		}
	}
	if len(name) > 0 {
		out["name"] = name
	}
	if u.Email != "" {
		out["emails"] = []any{map[string]any{"value": u.Email, "type": "work", "primary": true}}
	}
	if u.Phone != "" {
		out["phoneNumbers"] = []any{map[string]any{"value": u.Phone, "type": "mobile"}}
	}
	if u.Locale != "" {
		out["locale"] = u.Locale
	}
	return out
}

// name is the userName of a new account.
func (s *scimTarget) name(u event.User) string {
	if u.Email == "" || s.userName == UserNameUserID {
		return u.UserID
	}
	return u.Email
}
