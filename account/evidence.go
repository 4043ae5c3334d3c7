package account

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"usher/event"
)

// A refusal says what is wrong, and seldom whose fault it is: a service that wants
// a field which usher does not send refuses everybody with the words it has for one
// bad address. So an activation fails for good only on evidence; until then it is
// tried again. What is remembered is this process's own and lost with it, which
// costs more tries and never a user.

// Limits of the evidence.
const (
	enoughUsers = 3     // refused one after the other: then it is the service, or its settings
	enoughTries = 10    // at a name that is taken by an account which no search shows
	mostDoubts  = 10000 // users remembered; the ones beyond are taken for new at their next try

	enoughTime = 24 * time.Hour // for which one user alone is refused, and no other is tried
)

// evidence is what the answers about several users say together. It is safe for
// concurrent use.
type evidence struct {
	mu      sync.Mutex
	took    time.Time         // when an account was made usable, last
	doubts  map[string]*doubt // by user id, of those who were refused
	refused map[string]bool   // since then: who was refused, enoughUsers at most
	taken   map[string]bool   // since then: whose name is said to be taken, and not shown by whom, enoughUsers at most
}

// doubt is one user's refusals.
type doubt struct {
	since time.Time
	tries int
}

// weigh decides what an answer about a user means, knowing the others. err is nil
// when the account is usable; made tells that the service made it just now.
func (e *evidence) weigh(userID string, made bool, err error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		delete(e.doubts, userID)
		if made {
			e.took = time.Now()
			clear(e.refused)
			clear(e.taken)
		}
		return nil
	}
	var f *failure
	if !errors.As(err, &f) {
		return err
	}
	switch {
	case f.reason == ReasonRejected && event.IsPermanent(err):
		return e.rejected(userID, f)
	case f.reason == ReasonTaken && !event.IsPermanent(err):
		d, users := e.doubt(userID), several(&e.taken, userID)
		switch {
		case d.tries < enoughTries:
		case users >= enoughUsers:
			return event.RetryAfter(&failure{ReasonTaken, errors.New("the account service says of one user after the other that the name is taken, and shows no account that has it: see whether it finds accounts by userName and externalId")}, pauseConfig)
		default:
			return forGood(ReasonTaken, "the account service says that another account has the user's name, and shows none: look there for one that differs in case, or was deleted and keeps its name")
		}
	}
	return err
}

// rejected fails the user when the service has taken another one since it first
// refused this one, or refuses no other for a day. One whom it refuses like everybody
// else waits.
func (e *evidence) rejected(userID string, f *failure) error {
	d := e.doubt(userID)
	if e.took.After(d.since) {
		delete(e.doubts, userID)
		return event.Permanent(f)
	}
	if several(&e.refused, userID) >= enoughUsers {
		return misconfigured("%w to every user: see what it requires of an account, such as the parts of a name", f.err)
	}
	if len(e.refused) == 1 && time.Since(d.since) >= enoughTime {
		delete(e.doubts, userID)
		return event.Permanent(f)
	}
	return &failure{ReasonRejected, fmt.Errorf("%w; this is tried again until it takes another user, or for a day, because it may not be this one's fault", f.err)}
}

// several adds a user to a set, and says how many it has, enoughUsers at most.
func several(set *map[string]bool, userID string) int {
	if *set == nil {
		*set = map[string]bool{}
	}
	if len(*set) < enoughUsers {
		(*set)[userID] = true
	}
	return len(*set)
}

// doubt counts one more refusal of a user.
func (e *evidence) doubt(userID string) *doubt {
	d := e.doubts[userID]
	if d == nil {
		if e.doubts == nil {
			e.doubts = map[string]*doubt{}
		}
		for id := range e.doubts {
			if len(e.doubts) < mostDoubts {
				break
			}
			delete(e.doubts, id)
		}
		d = &doubt{since: time.Now()}
		e.doubts[userID] = d
	}
	d.tries++
	return d
}
