package promises

import (
	"strings"
	"testing"
	"time"

	"usher/event"
)

// good is a world in which every promise was kept: ann is welcomed after a
// correction, bob was rejected, reopened and welcomed with one copy that the
// ledger counts, and a message that cannot be read is a dead letter.
func good() World {
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	record := func(n int) event.Identity {
		return event.Identity{Source: "inbox", ID: "record-" + string(rune('0'+n))}
	}
	crm := func(id string) event.Identity { return event.Identity{Source: "crm", ID: id} }
	order := event.Identity{Source: "cli", ID: "reopen-bob"}
	sent := func(id string, copies int) event.Send {
		return event.Send{State: event.SendAccepted, MessageID: id, Copies: copies, At: at}
	}
	user := func(user string, generation, n int, kind string, id event.Identity, effect event.Effect, status event.Status) event.Fact {
		return event.Fact{Kind: kind, UserID: user, Generation: generation, N: n, Status: status, Answers: event.AnswersUser, EventID: id.ID, EventSource: id.Source, Effect: effect}.WithID()
	}
	decision := func(name string, generation, n int, kind string, id event.Identity, effect event.Effect, status event.Status) event.Fact {
		f := user(name, generation, n, kind, id, effect, status)
		f.Answers = event.AnswersVerification
		return f
	}
	message := func(user string, generation, n int, channel string, status event.Status) event.Fact {
		return event.Fact{Kind: event.FactSent, UserID: user, Generation: generation, N: n, Channel: channel, Status: status}.WithID()
	}
	w := World{
		Records: []Record{
			{record(1), 1, "ann", "inbox", "ann@old.example", "+491"}, {record(2), 2, "bob", "inbox", "bob@example.org", "+492"},
			{record(3), 3, "ann", "inbox", "ann@example.org", "+491"},
		},
		Events: []Event{
			{crm("yes-ann"), "ann", event.VerbApproved, event.EffectApplied}, {crm("no-ann"), "ann", event.VerbRejected, event.EffectLate},
			{crm("no-bob"), "bob", event.VerbRejected, ""}, {order, "bob", event.VerbReopened, ""}, {crm("yes-bob"), "bob", event.VerbApproved, ""},
		},
		People: map[string]event.Person{
			"ann": {
				Source: "inbox", Generation: 1, Status: event.StatusWelcomed, Opened: event.Opened{Identity: record(1)}, Record: 3,
				Decided: &event.Decided{Identity: crm("yes-ann"), Verb: event.VerbApproved},
				Sends:   map[string]event.Send{"1.welcome.email.1": sent("ann@usher", 0), "1.welcome.sms.1": sent("ann-sms@usher", 0)},
			},
			"bob": {
				Source: "inbox", Generation: 2, Status: event.StatusWelcomed, Opened: event.Opened{Identity: order}, Record: 2,
				Decided: &event.Decided{Identity: crm("yes-bob"), Verb: event.VerbApproved}, Orders: []event.Order{{Identity: order, Place: event.Place{Stored: at}}},
				Sends: map[string]event.Send{"2.welcome.email.1": sent("bob@usher", 1), "2.welcome.sms.1": sent("bob-sms@usher", 0)},
			},
		},
		Facts: []event.Fact{
			user("ann", 1, 0, event.FactStarted, record(1), event.EffectApplied, event.StatusWaiting),
			user("ann", 1, 1, event.FactUpdated, record(3), event.EffectUpdated, event.StatusWaiting),
			user("ann", 1, 0, event.FactDuplicate, record(3), event.EffectDuplicate, event.StatusWaiting),
			decision("ann", 1, 2, event.FactApproved, crm("yes-ann"), event.EffectApplied, event.StatusApproved),
			decision("ann", 1, 0, event.FactLate, crm("no-ann"), event.EffectLate, event.StatusApproved),
			message("ann", 1, 3, event.ChannelEmail, event.StatusActive), message("ann", 1, 4, event.ChannelSMS, event.StatusActive),
			event.Fact{Kind: event.FactWelcomed, UserID: "ann", Generation: 1, N: 5, Status: event.StatusWelcomed}.WithID(),
			user("bob", 1, 0, event.FactStarted, record(2), event.EffectApplied, event.StatusWaiting),
			decision("bob", 1, 1, event.FactRejected, crm("no-bob"), event.EffectApplied, event.StatusRejected),
			decision("bob", 2, 0, event.FactReopened, order, event.EffectApplied, event.StatusWaiting),
			decision("bob", 2, 1, event.FactApproved, crm("yes-bob"), event.EffectApplied, event.StatusApproved),
			message("bob", 2, 2, event.ChannelEmail, event.StatusActive), message("bob", 2, 3, event.ChannelSMS, event.StatusActive),
			event.Fact{Kind: event.FactWelcomed, UserID: "bob", Generation: 2, N: 4, Status: event.StatusWelcomed}.WithID(),
		},
		Arrived: []Arrival{
			{event.ChannelEmail, "ann@example.org", "ann@usher"}, {event.ChannelSMS, "+491", ""},
			{event.ChannelEmail, "bob@example.org", "bob@usher"}, {event.ChannelEmail, "bob@example.org", "bob@usher"}, {event.ChannelSMS, "+492", ""},
		},
		Letters:  []Letter{{event.StreamVerifications, 9, "poison", event.ReasonMalformed}},
		Deserved: map[string]int{event.ReasonMalformed: 1},
		Pages:    map[string]Page{},
	}
	for user, p := range w.People {
		page := Page{Status: p.Status, Generation: p.Generation, Messages: map[string]event.SendState{}}
		for key, s := range p.Sends {
			page.Messages[key] = s.State
		}
		seen := map[string]bool{}
		for _, f := range w.Facts {
			if f.UserID == user && !seen[f.ID] {
				seen[f.ID] = true
				page.Facts = append(page.Facts, f.ID)
			}
		}
		w.Pages[user] = page
	}
	return w
}

// What looks odd and is as it was promised.
func TestWhatNoPromiseForbids(t *testing.T) {
	for name, change := range map[string]func(*World){
		"an event that its sender said twice": func(w *World) { w.Events = append(w.Events, w.Events[0]) },
		"a correction that claimed the person and came too late": func(w *World) {
			w.person("ann", func(p *event.Person) { p.Opened.Identity = w.Records[2].Identity })
			w.Facts[1].Effect, w.Facts[1].Kind = event.EffectLate, event.FactLate
			w.Arrived[0].To = "ann@example.org"
		},
		"a message of which nobody knows whether it went out": func(w *World) {
			w.person("ann", func(p *event.Person) {
				p.Sends["1.welcome.sms.1"] = event.Send{State: event.SendSubmitting, MessageID: "ann-sms@usher"}
			})
			w.Facts = append(w.Facts[:6:6], w.Facts[7:]...)
			w.Pages = nil
		},
		"a message that was never handed over": func(w *World) {
			w.person("ann", func(p *event.Person) { p.Sends["1.welcome.email.2"] = event.Send{} })
			w.Pages = nil
		},
		"an address in capitals": func(w *World) { w.Arrived[0].To = "Ann@EXAMPLE.org" },
		"a console that was not asked for messages": func(w *World) {
			p := w.Pages["bob"]
			p.Messages = nil
			w.Pages["bob"] = p
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := good()
			change(&w)
			if broken := Broken(w); len(broken) > 0 {
				t.Errorf("%q", broken)
			}
		})
	}
}

// person changes the record of one.
func (w World) person(user string, change func(*event.Person)) {
	p := w.People[user]
	change(&p)
	w.People[user] = p
}

func TestEveryPromiseCanBeBroken(t *testing.T) {
	if broken := Broken(good()); len(broken) > 0 {
		t.Fatalf("in a good world: %q", broken)
	}
	send := func(user, key string, change func(*event.Send)) func(*World) {
		return func(w *World) {
			w.person(user, func(p *event.Person) {
				s := p.Sends[key]
				change(&s)
				p.Sends[key] = s
			})
		}
	}
	for name, tc := range map[string]struct {
		change func(*World)
		want   string
	}{
		"a record stored twice":            {func(w *World) { w.Records = append(w.Records, w.Records[0]); w.Records[3].Seq = 7 }, "in USERS at 1 and at 7"},
		"a record without its person":      {func(w *World) { delete(w.People, "ann") }, "ann of record 1 is not in PEOPLE"},
		"a record without a fact":          {func(w *World) { w.Facts = w.Facts[1:] }, "no fact says what became of record 1"},
		"a record with two outcomes":       {func(w *World) { w.Letters = append(w.Letters, Letter{event.StreamUsers, 1, "", event.ReasonExhausted}) }, "is a dead letter and has an effect"},
		"a person taken by another inbox":  {func(w *World) { w.person("ann", func(p *event.Person) { p.Source = "hr" }) }, "came from inbox too and belongs to hr"},
		"a correction that was told twice": {func(w *World) { w.Facts[2].Effect = event.EffectUnchanged }, "has the effects [updated unchanged]"},
		"an order that is outstanding": {func(w *World) {
			w.person("bob", func(p *event.Person) { p.Order = &event.Outstanding{Identity: p.Opened.Identity} })
		}, "never carried out"},
		"a person left half-way":            {func(w *World) { w.Facts = w.Facts[:len(w.Facts)-1] }, "bob is left half-way, active"},
		"a message twice":                   {func(w *World) { w.Arrived = append(w.Arrived, w.Arrived[0]) }, "arrived 2 times, the ledger says accepted with 0 copies"},
		"a message twice on a bare channel": {func(w *World) { w.Arrived = append(w.Arrived, w.Arrived[1]) }, "ann has 2 messages by sms, the ledger explains 1 to 1"},
		"a copy that is not counted":        {send("bob", "2.welcome.email.1", func(s *event.Send) { s.Copies = 0 }), "arrived 2 times"},
		"a message that never arrived":      {func(w *World) { w.Arrived = w.Arrived[1:] }, "arrived 0 times, the ledger says accepted"},
		"a failed message that arrived":     {send("ann", "1.welcome.email.1", func(s *event.Send) { s.State = event.SendFailed }), "arrived 1 times, the ledger says failed"},
		"an entry left open": {func(w *World) {
			send("ann", "1.welcome.sms.1", func(s *event.Send) { s.State = event.SendSubmitting })(w)
			w.person("ann", func(p *event.Person) { p.Order = &event.Outstanding{} })
		}, "left at submitting"},
		"a message of nobody":             {func(w *World) { w.Arrived[0].ID = "other@usher" }, "a message arrived that no ledger names"},
		"a message to nobody":             {func(w *World) { w.Arrived[1].To = "+499" }, "address of no record by sms"},
		"a message to the old address":    {func(w *World) { w.Arrived[0].To = "ann@old.example" }, "went to another address"},
		"the older correction":            {func(w *World) { w.person("ann", func(p *event.Person) { p.Record = 1 }) }, "has the data of record 1, the newest that took effect is 3"},
		"a decision without an answer":    {func(w *World) { w.Facts = append(w.Facts[:4:4], w.Facts[5:]...) }, "rejected crm/no-ann about ann: never answered"},
		"a decision that was never new":   {func(w *World) { w.Facts[4].Effect = event.EffectDuplicate }, "rejected crm/no-ann about ann: never answered, but as a duplicate"},
		"two decisions":                   {func(w *World) { w.Facts[4].Effect = event.EffectApplied }, "decided generation 1, and so did crm/yes-ann"},
		"a decision of two generations":   {func(w *World) { f := w.Facts[9]; f.Generation = 2; w.Facts = append(w.Facts, f) }, "took effect in the generations"},
		"a decision answered in two ways": {func(w *World) { f := w.Facts[3]; f.Effect, f.N = event.EffectLate, 0; w.Facts = append(w.Facts, f) }, "answered [applied late] in generation 1"},
		"a sender who was told otherwise": {func(w *World) { w.Events[1].Told = event.EffectApplied }, "was told applied, no fact says so"},
		"another event decided":           {func(w *World) { w.person("ann", func(p *event.Person) { p.Decided.ID = "other" }) }, "another event decided"},
		"a withdrawal without effect":     {func(w *World) { w.Events[0].Verb = event.VerbWithdrawn }, "but the person is welcomed"},
		"a sending that sent nothing":     {func(w *World) { w.Events[4].Verb = event.VerbResend }, "no message was sent again"},
		"a reopening that was lost": {func(w *World) {
			w.person("bob", func(p *event.Person) { p.Generation, p.Opened.Identity = 1, w.Records[1].Identity })
		}, "the person is in generation 1"},
		"an order that nobody answered": {func(w *World) { w.Facts[10].Effect = "" }, "PEOPLE took the order cli/reopen-bob"},
		"PEOPLE behind the facts":       {func(w *World) { w.person("ann", func(p *event.Person) { p.Status = event.StatusPartlyWelcomed }) }, "by the facts welcomed in 1"},
		"a message without its fact":    {func(w *World) { w.Facts[6].Kind = event.FactUpdated }, "by the ledger [1.welcome.email.1 1.welcome.sms.1] were sent to ann, by the facts [1.welcome.email.1]"},
		"a console that is behind":      {func(w *World) { p := w.Pages["ann"]; p.Status = event.StatusActive; w.Pages["ann"] = p }, "the console shows active in 1"},
		"a timeline that lacks a fact":  {func(w *World) { p := w.Pages["ann"]; p.Facts = p.Facts[1:]; w.Pages["ann"] = p }, "the console shows 7"},
		"a page without the messages":   {func(w *World) { p := w.Pages["bob"]; p.Messages = map[string]event.SendState{}; w.Pages["bob"] = p }, "the console shows map[]"},
		"a dead letter by an outage": {func(w *World) {
			w.Letters = append(w.Letters, Letter{event.StreamUsers, 99, "", event.ReasonExhausted})
		}, "1 with the reason exhausted, 0 were deserved"},
		"a dead letter that is missing":     {func(w *World) { w.Letters = nil }, "0 with the reason malformed, 1 were deserved"},
		"a decision that is a dead letter":  {func(w *World) { w.Letters[0].EventID = "yes-ann" }, "dead letter: true"},
		"a decision that no fact remembers": {func(w *World) { w.Facts[3].Effect = event.EffectLate }, "ann was decided by crm/yes-ann, and no fact says"},
	} {
		t.Run(name, func(t *testing.T) {
			w := good()
			tc.change(&w)
			if broken := strings.Join(Broken(w), "\n"); !strings.Contains(broken, tc.want) {
				t.Errorf("got %q, want %q in it", broken, tc.want)
			}
		})
	}
}
