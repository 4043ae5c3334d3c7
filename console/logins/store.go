package logins

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// First is the login that the first start makes.
const First = "admin"

// Key is the record of all logins and tokens in KV CONSOLE. EarlierKey has the hash of
// admin's password, as earlier versions stored it.
const (
	Key        = "logins"
	EarlierKey = "account." + First
)

// Bounds of the record, which is read with each request.
const (
	mostLogins = 500
	mostTokens = 500
	mostTries  = 20 // of a change that others were faster than
)

// Login is one who may sign in.
type Login struct {
	Name     string    `json:"name"`
	Role     Role      `json:"role"`
	Inboxes  []string  `json:"inboxes,omitempty"` // none: all
	Password string    `json:"password,omitempty"`
	Voucher  *Voucher  `json:"voucher,omitempty"` // who vouches for the person; nil: the password does
	Invite   *Invite   `json:"invite,omitempty"`
	Disabled bool      `json:"disabled,omitempty"`
	Turn     int       `json:"turn,omitempty"` // counts what ended all sessions at once
	Since    time.Time `json:"since,omitzero"`
	By       string    `json:"by,omitempty"`  // who made it
	Seen     time.Time `json:"seen,omitzero"` // when it was last vouched for, to half a day
}

// Invite lets a person choose the password of a login, once.
type Invite struct {
	Secret string    `json:"secret"` // its hash
	Ends   time.Time `json:"ends"`
}

// Usable tells whether the login can sign in: it is not disabled, and has a password or
// one who vouches for it.
func (l Login) Usable() bool { return !l.Disabled && (l.Password != "" || l.Voucher != nil) }

// All are all logins and tokens.
type All struct {
	Logins []Login `json:"logins"`
	Tokens []Token `json:"tokens,omitempty"`

	Needs map[string]int `json:"needs,omitempty"` // people who have to be able to decide, by inbox of which that was said
	Doors Doors          `json:"doors,omitzero"`
	Left  []Left         `json:"left,omitempty"` // what issuers say, for a while

	LeftBefore time.Time `json:"left_before,omitzero"` // sessions that an issuer vouched for until then are over
}

// Login finds one by name.
func (a *All) Login(name string) (*Login, bool) {
	i := slices.IndexFunc(a.Logins, func(l Login) bool { return l.Name == name })
	if i < 0 {
		return nil, false
	}
	return &a.Logins[i], true
}

// none is why a change of a name that no login has is refused. People of a sign-on are read
// under another name than that of their login.
func (a *All) none(name string) error {
	var so []string
	for _, l := range a.Logins {
		if l.Called() == name {
			so = append(so, l.Name)
		}
	}
	if len(so) == 0 {
		return ErrNone
	}
	return refuse("%v; %s is %s", ErrNone, name, strings.Join(so, " or "))
}

// admins counts those that can manage logins, whatever becomes of others than usher.
func (a *All) admins() (n int) {
	for _, l := range a.Logins {
		if l.Usable() && l.Local() && l.Role == Admin && len(l.Inboxes) == 0 {
			n++
		}
	}
	return n
}

// Refusal is a wish that cannot be fulfilled, with the reason in words that may be shown
// to the one who wished.
type Refusal string

func (r Refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return Refusal(fmt.Sprintf(format, args...)) }

// Reasons why a change is refused.
var (
	ErrNone      error = Refusal("there is no such account")
	ErrThere     error = Refusal("there is an account of that name already")
	ErrLastAdmin error = Refusal("this is the last account that can manage the others; make another admin for all inboxes first, who has signed in once")
)

// Store keeps logins in KV CONSOLE.
type Store struct{ kv jetstream.KeyValue }

// NewStore uses the bucket CONSOLE.
func NewStore(kv jetstream.KeyValue) Store { return Store{kv} }

// Read returns all logins and tokens as the leader of the bucket has them.
func (s Store) Read(ctx context.Context) (All, error) {
	a, _, err := s.read(ctx)
	return a, err
}

// read returns the revision of the record, too; 0 when there is none.
func (s Store) read(ctx context.Context) (a All, revision uint64, err error) {
	e, err := s.kv.Get(ctx, Key)
	switch {
	case err == nil:
		if err = json.Unmarshal(e.Value(), &a); err != nil {
			err = fmt.Errorf("the stored accounts of the console cannot be read: %w", err)
		}
		return a, e.Revision(), err
	case !errors.Is(err, jetstream.ErrKeyNotFound):
		return a, 0, fmt.Errorf("read the stored accounts: %w", err)
	}
	e, err = s.kv.Get(ctx, EarlierKey)
	switch {
	case err == nil:
		a.Logins = []Login{{Name: First, Role: Admin, Password: cmp.Or(string(e.Value()), "cannot be read")}}
	case errors.Is(err, jetstream.ErrKeyNotFound):
		err = nil
	default:
		err = fmt.Errorf("read the stored accounts: %w", err)
	}
	return a, 0, err
}

// change replaces the record. f may be called several times, and refuses by an error.
// No change takes the last admin away, or the last second person where two decide.
func (s Store) change(ctx context.Context, f func(*All) error) error {
	return s.rewrite(ctx, func(a *All) error {
		admins, deciders, needs := a.admins(), a.deciders(), a.Needs
		if err := f(a); err != nil {
			return err
		}
		if admins > 0 && a.admins() == 0 {
			return ErrLastAdmin
		}
		if maps.Equal(a.Needs, needs) { // what a deployment needs now is no one's to refuse
			return a.keepsTwo(deciders)
		}
		return nil
	})
}

// rewrite is change that refuses nothing.
func (s Store) rewrite(ctx context.Context, f func(*All) error) error {
	for n := range mostTries {
		a, revision, err := s.read(ctx)
		if err != nil {
			return err
		}
		if err := f(&a); err != nil {
			return err
		}
		data, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if revision == 0 {
			_, err = s.kv.Create(ctx, Key, data)
		} else {
			_, err = s.kv.Update(ctx, Key, data, revision)
		}
		if !Overtaken(err) {
			return err
		}
		event.GiveWay(ctx, n)
	}
	return errors.New("the stored accounts are being changed by too many at once")
}

// Overtaken tells whether a key of KV CONSOLE was not written because another one wrote it
// meanwhile.
func Overtaken(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.As(err, &api) && event.Overtaken(int(api.ErrorCode))
}

// changeOne changes one login.
func (s Store) changeOne(ctx context.Context, name string, f func(*Login) error) error {
	return s.change(ctx, func(a *All) error {
		l, ok := a.Login(name)
		if !ok {
			return a.none(name)
		}
		return f(l)
	})
}

var validName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$`)

func checkName(name string) error {
	if !validName.MatchString(name) || strings.Contains(name, "..") || strings.HasPrefix(name, TokenActor) || strings.HasPrefix(name, PersonActor) || strings.HasPrefix(name, ProxyActor) {
		return refuse("%q cannot be a name; it has 1 to 64 of a-z, 0-9, dot, _ and -, begins and ends with a letter or a digit, and does not begin with %s, %s or %s", name, TokenActor, PersonActor, ProxyActor)
	}
	return nil
}

// checkScope checks a role and inboxes, and returns them in order.
func checkScope(role Role, inboxes []string) ([]string, error) {
	if _, err := ParseRole(string(role)); err != nil {
		return nil, Refusal(err.Error())
	}
	for _, i := range inboxes {
		if err := event.CheckSource(i); err != nil {
			return nil, refuse("%q cannot be the name of an inbox", i)
		}
	}
	inboxes = slices.Sorted(slices.Values(inboxes))
	return slices.Compact(inboxes), nil
}

// Add makes a login that has no password yet.
func (s Store) Add(ctx context.Context, name string, role Role, inboxes []string, by string) error {
	inboxes, err := checkScope(role, inboxes)
	if err = errors.Join(checkName(name), err); err != nil {
		return err
	}
	return s.change(ctx, func(a *All) error {
		if _, there := a.Login(name); there {
			return ErrThere
		}
		if len(a.Logins) >= mostLogins {
			return refuse("there are %d accounts, which is the most; remove one first", mostLogins)
		}
		a.Logins = append(a.Logins, Login{Name: name, Role: role, Inboxes: inboxes, Since: now(), By: by})
		return nil
	})
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// SetRole gives a login a role, for all inboxes or for some. Its sessions end.
func (s Store) SetRole(ctx context.Context, name string, role Role, inboxes []string) error {
	inboxes, err := checkScope(role, inboxes)
	if err != nil {
		return err
	}
	return s.changeOne(ctx, name, func(l *Login) error {
		if !l.Local() {
			return errVouched
		}
		if l.Role != role || !slices.Equal(l.Inboxes, inboxes) {
			l.Role, l.Inboxes = role, inboxes
			l.Turn++
		}
		return nil
	})
}

// Disable keeps a login from signing in, or lets it again. Its sessions end.
func (s Store) Disable(ctx context.Context, name string, disabled bool) error {
	return s.changeOne(ctx, name, func(l *Login) error {
		if l.Disabled != disabled {
			l.Disabled = disabled
			l.Turn++
		}
		return nil
	})
}

// Remove takes a login away. Its sessions end. A later one of the same name is another.
func (s Store) Remove(ctx context.Context, name string) error {
	return s.change(ctx, func(a *All) error {
		if _, ok := a.Login(name); !ok {
			return a.none(name)
		}
		a.Logins = slices.DeleteFunc(a.Logins, func(l Login) bool { return l.Name == name })
		return nil
	})
}

// EndSessions ends all sessions of a login.
func (s Store) EndSessions(ctx context.Context, name string) error {
	return s.changeOne(ctx, name, func(l *Login) error {
		l.Turn++
		return nil
	})
}

// Need says how many people have to take part in a decision, by inbox, for inboxes in
// which more than one does; none takes that back.
func (s Store) Need(ctx context.Context, needs map[string]int) error {
	if len(needs) == 0 {
		needs = nil
	}
	a, err := s.Read(ctx)
	if err != nil || maps.Equal(a.Needs, needs) {
		return err
	}
	return s.change(ctx, func(a *All) error {
		a.Needs = needs
		return nil
	})
}

// keepsTwo refuses a change after which too few people could decide where enough could
// before.
func (a *All) keepsTwo(before map[string]int) error {
	for _, inbox := range slices.Sorted(maps.Keys(before)) {
		if need := a.Needs[inbox]; before[inbox] >= need && a.Deciders(inbox) < need {
			return refuse("then too few people could decide about the inbox %s, where it takes two; let another account decide there first, which has signed in once", inbox)
		}
	}
	return nil
}

// deciders counts who could decide, by inbox in which more than one has to.
func (a *All) deciders() map[string]int {
	out := map[string]int{}
	for inbox := range a.Needs {
		out[inbox] = a.Deciders(inbox)
	}
	return out
}
