package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"usher/event"
)

// Stuck is a person whose onboarding waits for something other than a decision.
type Stuck struct {
	UserID string       `json:"user_id"`
	Status event.Status `json:"status"`
	Since  time.Time    `json:"since"`
	Inbox  string       `json:"inbox,omitempty"`
	Why    string       `json:"why"`
	Do     string       `json:"do"`
	Next   time.Time    `json:"next,omitzero"`

	Name string `json:"-"`
	Run  string `json:"-"` // where the run is seen; "" where it cannot be
}

// stuckList is one kind of them, the longest first, and how many there are.
type stuckList struct {
	People []Stuck
	All    int
}

const (
	mostStuck  = 100 // of each kind
	stuckAfter = 10 * time.Minute
	ledgersFor = 2 * time.Second // for what PEOPLE says of all that are shown
)

// parked are the people whom decisions or reopenings wait for.
func (k *Console) parked(ctx context.Context) (l stuckList, err error) {
	users, all, err := k.model.standing(ctx, time.Now(), event.StatusParked)
	if err != nil {
		return l, err
	}
	l.All = all
	sources, err := k.model.parkers(ctx, users)
	if err != nil {
		return l, err
	}
	for _, u := range users {
		s := k.stuckOf(u)
		s.Why = "reopened, and the record of the user is no longer kept"
		s.Do = "Drop a list that has this user again."
		if from := sources[u.UserID]; len(from) > 0 {
			s.Why = strings.Join(from, " and ") + " decided before a list has brought this user"
			s.Do = "Drop the list that has this user_id, or have " + strings.Join(from, " and ") + " use the ids of the lists. After the time of --parked-for the decision becomes a dead letter, which can be sent again when the user is there."
		}
		l.People = append(l.People, s)
	}
	return l, nil
}

// held are the people whose run has been making the account, or sending, for long.
func (k *Console) held(ctx context.Context) (l stuckList, err error) {
	users, all, err := k.model.standing(ctx, time.Now().Add(-stuckAfter), event.StatusApproved, event.StatusActive)
	if err != nil {
		return l, err
	}
	l.All = all
	limited, cancel := context.WithTimeout(ctx, ledgersFor)
	defer cancel()
	for _, u := range users {
		s := k.stuckOf(u)
		p, _, err := k.Ledger.Get(limited, u.UserID)
		if err != nil {
			if k.repeats.first("the ledger cannot be read", err) {
				k.Log.Warn("the ledger cannot be read", "error", err)
			}
			s.Why, s.Do = "why cannot be read now", "Look again in a moment."
		} else {
			s.explain(p)
		}
		l.People = append(l.People, s)
	}
	return l, nil
}

func (k *Console) stuckOf(u User) Stuck {
	s := Stuck{UserID: u.UserID, Status: u.Status, Since: u.Since, Inbox: u.Source, Name: u.Name}
	if s.Name == "" {
		s.Name = u.UserID
	}
	return s
}

// explain says of a run why it does not go on, and what to do, by what PEOPLE has.
func (s *Stuck) explain(p event.Person) {
	s.Why, s.Do = "no reason is known", "Look at the run, and whether a worker is there."
	switch {
	case s.Status == event.StatusApproved && p.Trouble != nil:
		s.Why, s.Next = "the account is "+p.Trouble.Says(), p.Trouble.Next
		for _, r := range event.AccountReasons {
			if r.Name == p.Trouble.Reason {
				s.Do = r.Do
			}
		}
	case s.Status == event.StatusApproved:
		s.Why = "the account is being made, and no try has failed"
	default:
		var why []string
		for _, m := range p.Messages() {
			if m.Generation != p.Generation || m.Taken() || m.State == event.SendFailed {
				continue
			}
			why = append(why, m.Channel+": "+m.Says())
			reason := m.Waits.Reason
			if n := len(m.Tries); n > 0 {
				if last := m.Tries[n-1]; last.Next != nil {
					s.Next = *last.Next
				}
				if reason == "" {
					reason = m.Tries[n-1].Reason
				}
			}
			s.Do = mendOf(reason)
		}
		if len(why) > 0 {
			s.Why = strings.Join(why, "; ")
		}
	}
}

// mendOf says what to do about a message that is tried again.
func mendOf(reason string) string {
	for _, r := range event.DeliveryReasons {
		if r.Name != reason {
			continue
		}
		switch r.Whose {
		case "configuration", "sender", "quota", "reputation", "route":
			return "Mend it at the provider, or in the worker's settings; then it goes out by itself."
		case "content":
			return "Look at the template and at what the provider says; it is tried again by itself."
		}
	}
	return "Wait: it is tried again by itself."
}

// standing lists people who have had one of some statuses since before a time, the longest
// first, and counts all of them.
func (m *model) standing(ctx context.Context, before time.Time, statuses ...event.Status) (users []User, all int, err error) {
	s := sightOf(ctx)
	t := s.people("source")
	var names []string
	for _, status := range statuses {
		names = append(names, string(status))
	}
	t.in("status", names)
	t.add("since <= ?", before.UnixMicro())
	if err := m.db.QueryRowContext(ctx, `SELECT count(*) FROM people WHERE `+t.String(), t.args...).Scan(&all); err != nil {
		return nil, 0, err
	}
	rows, err := m.db.QueryContext(ctx, `SELECT `+userColumns+` FROM people WHERE `+t.String()+` ORDER BY since, user_id LIMIT ?`, append(t.args, mostStuck)...)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, 0, err
		}
		s.mask(&u, m.knownReason)
		users = append(users, u)
	}
	return users, all, rows.Err()
}

// parkers are the sources whose decisions wait for a user, of each.
func (m *model) parkers(ctx context.Context, users []User) (map[string][]string, error) {
	ids := []string{}
	for _, u := range users {
		ids = append(ids, u.UserID)
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := m.db.QueryContext(ctx, `SELECT DISTINCT user_id, event_source FROM json_each(?) CROSS JOIN facts ON user_id = value WHERE json_extract(body, '$.fact') = ? ORDER BY user_id, event_source`, string(list), event.FactParked)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string][]string{}
	for rows.Next() {
		var user, source string
		if err := rows.Scan(&user, &source); err != nil {
			return nil, err
		}
		out[user] = append(out[user], source)
	}
	return out, rows.Err()
}

// stuck are both kinds.
func (k *Console) stuck(ctx context.Context) (parked, held stuckList, err error) {
	if parked, err = k.parked(ctx); err == nil {
		held, err = k.held(ctx)
	}
	return parked, held, err
}

func (k *Console) stuckPage(w http.ResponseWriter, r *http.Request) {
	parked, held, err := k.stuck(r.Context())
	if err != nil {
		k.fail(w, r, err)
		return
	}
	for _, l := range []stuckList{parked, held} {
		for i := range l.People {
			l.People[i].Run = k.runURL(r, l.People[i].UserID)
		}
	}
	k.show(w, r, http.StatusOK, "stuck", map[string]any{"Title": "Stuck", "Parked": parked, "Held": held})
}

type pageOfStuck struct {
	Parked    []Stuck `json:"parked"`
	ParkedAll int     `json:"parked_all"`
	Runs      []Stuck `json:"runs"`
	RunsAll   int     `json:"runs_all"`
}

func (k *Console) stuckAPI(w http.ResponseWriter, r *http.Request) {
	parked, held, err := k.stuck(r.Context())
	if err != nil {
		k.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, pageOfStuck{orNone(parked.People), parked.All, orNone(held.People), held.All})
}
