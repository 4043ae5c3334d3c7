package logins

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
)

// cost is the second recommended option of RFC 9106, section 4. Each check takes 64 MiB,
// so the caller bounds how many run at once.
var cost = &argon2id.Params{Iterations: 3, Memory: 64 << 10 /* KiB */, Parallelism: 4, SaltLength: 16, KeyLength: 32}

// Lengths of a password, in characters and in bytes.
const (
	shortest = 10
	longest  = 1000
)

// Hash is what is stored of a password.
func Hash(password string) (string, error) { return argon2id.CreateHash(password, cost) }

// CheckPassword refuses one that is easily guessed for its length alone.
func CheckPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < shortest || len(password) > longest {
		return refuse("a password has at least %d characters, and at most %d bytes", shortest, longest)
	}
	return nil
}

// Matches tells whether the password is the one of a stored hash.
func Matches(hash, password string) (bool, error) {
	hash, err := standardForm(hash)
	if err == nil {
		err = usable(hash)
	}
	if err == nil {
		var ok bool
		if ok, err = argon2id.ComparePasswordAndHash(password, hash); err == nil {
			return ok, nil
		}
	}
	return false, fmt.Errorf("a stored password of the console cannot be read; set that of admin with --console-password, others with `usher account passwd`: %w", err)
}

// NoOne is a hash that no password has; a check against it takes as long as any.
const NoOne = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// usable refuses what the library takes and no password may be compared with: a
// key of no bytes is equal to every other one, and argon2 panics without a round.
func usable(hash string) error {
	p, _, _, err := argon2id.DecodeHash(hash)
	if err == nil && (p.KeyLength < 16 || p.Iterations < 1 || p.Parallelism < 1) {
		err = errors.New("its key is too short, or its cost is zero")
	}
	return err
}

// standardForm returns a hash that earlier versions stored, "argon2id.<salt>.<key>"
// in hexadecimal with the same cost, in the form that other programs use as well.
func standardForm(hash string) (string, error) {
	salted, ok := strings.CutPrefix(hash, "argon2id.")
	if !ok {
		return hash, nil
	}
	s, k, _ := strings.Cut(salted, ".")
	salt, err1 := hex.DecodeString(s)
	key, err2 := hex.DecodeString(k)
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", cost.Memory, cost.Iterations, cost.Parallelism, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// Stamp tells a login from what it was: it differs when the password, the role or the
// inboxes do, and when all sessions were ended. Of an admin who has only had a password
// it is what earlier versions kept in sessions.
func (l Login) Stamp() string {
	text := l.Password
	if l.Role != Admin || len(l.Inboxes) > 0 || l.Turn > 0 || !l.Since.IsZero() {
		text = fmt.Sprintf("%s\n%s\n%q\n%d\n%s", text, l.Role, l.Inboxes, l.Turn, l.Since.Format(time.RFC3339))
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// secret makes one that cannot be guessed, and the hash that is stored of it.
func secret(prefix string) (secret, hash string) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	secret = prefix + base64.RawURLEncoding.EncodeToString(b)
	return secret, hashOf(secret)
}

// hashOf needs no salt and no cost, because secrets are random.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Ensure sees to it that someone can sign in: it stores the password of admin when one
// is given that is not the stored one, and makes one up when there is no login at all,
// which it hands to print.
func (s Store) Ensure(ctx context.Context, password string, print func(user, password string)) error {
	a, err := s.Read(ctx)
	if err != nil {
		return err
	}
	made := password == ""
	first, there := a.Login(First)
	switch {
	case made && len(a.Logins) > 0:
		return nil
	case made:
		b := make([]byte, 12)
		_, _ = rand.Read(b) // never fails
		password = base64.RawURLEncoding.EncodeToString(b)
	case there && first.Role == Admin && len(first.Inboxes) == 0 && !first.Disabled:
		// A stored hash that cannot be read matches nothing, and is replaced.
		if ok, err := Matches(first.Password, password); ok && err == nil {
			return nil
		}
	}
	hash, err := Hash(password)
	if err != nil {
		return err
	}
	other := false
	err = s.change(ctx, func(a *All) error {
		if other = made && len(a.Logins) > 0; other { // another console was faster
			return nil
		}
		l, ok := a.Login(First)
		if !ok {
			a.Logins = append(a.Logins, Login{Name: First, Since: now()})
			l = &a.Logins[len(a.Logins)-1]
		}
		l.Role, l.Inboxes, l.Disabled, l.Invite = Admin, nil, false, nil
		l.Password = hash
		return nil
	})
	if err == nil && made && !other && print != nil {
		print(First, password)
	}
	return err
}

// SetPassword stores the hash of a password. The sessions of the login end, and so does
// its invite.
func (s Store) SetPassword(ctx context.Context, name, hash string) error {
	return s.changeOne(ctx, name, func(l *Login) error {
		if !l.Local() {
			return errVouched
		}
		l.Password, l.Invite = hash, nil
		return nil
	})
}

// InviteFor is how long an invite can be used.
const InviteFor = 72 * time.Hour

// NewInvite makes the invite of a login, in place of an earlier one, and returns its
// secret. A password that there is stays good until the invite is used.
func (s Store) NewInvite(ctx context.Context, name string) (string, error) {
	text, hash := secret("")
	return text, s.changeOne(ctx, name, func(l *Login) error {
		if !l.Local() {
			return errVouched
		}
		l.Invite = &Invite{Secret: hash, Ends: now().Add(InviteFor)}
		return nil
	})
}

// Good tells whether an invite can still be used.
func Good(v Invite) bool { return time.Now().Before(v.Ends) }

// ErrInvite is returned for an invite that is not good, whatever the reason.
var ErrInvite error = Refusal("this invite has been used, has ended or was replaced by a later one; ask for another")

// Invited is the login that an invite is for.
func (a *All) Invited(secret string) (*Login, error) {
	hash := hashOf(secret)
	for i := range a.Logins {
		if v := a.Logins[i].Invite; v != nil && same(v.Secret, hash) && Good(*v) && !a.Logins[i].Disabled {
			return &a.Logins[i], nil
		}
	}
	return nil, ErrInvite
}

// Redeem uses an invite: the hash is of the password that the person has chosen. Of two
// who use it at once one gets ErrInvite.
func (s Store) Redeem(ctx context.Context, secret, hash string) (name string, err error) {
	return name, s.change(ctx, func(a *All) error {
		l, err := a.Invited(secret)
		if err != nil {
			return err
		}
		l.Password, l.Invite, name = hash, nil, l.Name
		return nil
	})
}
