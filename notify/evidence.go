package notify

import "time"

// evidence is what the answers of one provider to different messages say together.
// No single refusal shows whose fault it is, unless its words do; the others show
// it:
//
//   - A refusal that is not proven to be the recipient's fails its message only when
//     the provider has taken another recipient's between two of its refusals.
//   - To wait for that uses up none of the message's time, unless it is the only one:
//     when no other recipient is refused alike for half an hour, its time runs, and the
//     message fails when it is over.
//   - Refusals for good that are alike, of different recipients, and none taken
//     between, are the provider's, whatever their code says.
//   - A message that is put off is put off alone. When several are put off again after
//     the pause that was asked for, and none is taken between, it is the provider's.
//   - So it is when the mailboxes of several are full, or several are handed over without
//     an answer, and none is taken between.
//
// It is of this process. All that it concludes needs both refusals and what lies
// between them to be seen here, in their order, so that another process or a restart
// may delay a conclusion and never makes a wrong one.
type evidence struct {
	clock   int           // of acceptances and refusals, in the order in which they came
	taken   [2]acceptance // the latest, and the latest of another recipient
	refused map[string]refusal
	alike   map[string]map[string]bool // recipients refused for good since the last acceptance, by the answer
	again   map[string]bool            // recipients put off again since then
	lost    map[string]bool            // recipients of messages without an answer since then
}

type acceptance struct {
	to string
	at int
}

// refusal is the first one of a message.
type refusal struct {
	at    int
	since time.Time
	until time.Time // it was asked to stay away
}

const (
	mostAlike   = 5               // recipients that are refused alike until it is the provider's
	mostAnswers = 16              // kinds of answers that are told apart since the last acceptance
	mostRefused = 10000           // messages that are remembered; beyond it those of more than a day ago are forgotten
	askedMost   = 5 * time.Minute // for which greylisting puts a message off that names no time

	// Others that are refused alike were tried within this time: pauses between tries
	// grow up to 15 min.
	aloneAfter = 30 * time.Minute

	// Up to which pauses of a provider double that does not answer. Each probe may make a
	// copy.
	lostMost = 5 * time.Minute
)

// took takes in that a recipient's message was taken.
func (e *evidence) took(message, to string) {
	e.clock++
	if e.taken[0].to != to {
		e.taken[1] = e.taken[0]
	}
	e.taken[0] = acceptance{to, e.clock}
	e.alike, e.again, e.lost = nil, nil, nil
	delete(e.refused, message)
}

// othersSince tells whether another recipient's message was taken since then.
func (e *evidence) othersSince(to string, at int) bool {
	latest := e.taken[0]
	if latest.to == to {
		latest = e.taken[1]
	}
	return latest.at > at
}

// weigh turns a failure into what it is in the light of the others.
func (e *evidence) weigh(message, to string, f *failure) *failure {
	if f.ours || f.blames {
		return f
	}
	before, known := e.refused[message]
	switch {
	case f.class == permanent || f.class == unproven:
		e.clock++
		if known && e.othersSince(to, before.at) {
			return e.settled(message, f)
		}
		e.remember(message, f)
		alike := e.refusedAlike(f.err.Error(), to)
		if alike >= mostAlike {
			return suspicion(f)
		}
		if f.class == permanent {
			delete(e.refused, message)
			return f
		}
		out := *f
		alone := alike == 1 && known && time.Since(before.since) >= aloneAfter
		out.class, out.waits = transient, !alone
		return &out
	case f.reason == ReasonMailboxFull:
		if e.refusedAlike(f.err.Error(), to) >= mostAlike {
			return suspicion(f)
		}
	case f.class == unknown:
		if several(&e.lost, to) >= mostAlike {
			out := *f
			out.blames, out.pause, out.most = true, pauseFirst, lostMost
			return &out
		}
	case f.reason == ReasonDeferred:
		if !known {
			e.remember(message, f)
			return f
		}
		if !time.Now().Before(before.until) && several(&e.again, to) >= mostAlike {
			out := *f
			out.blames = true
			if out.reason = ReasonTransient; out.named || out.pause > 0 {
				out.reason = ReasonRateLimited
			}
			out.pause = max(out.pause, pauseFirst)
			return &out
		}
	}
	return f
}

// settled is a refusal that is this message's own: the provider takes others.
func (e *evidence) settled(message string, f *failure) *failure {
	out := *f
	if out.class == unproven {
		out.class = spent
	} else {
		delete(e.refused, message)
	}
	return &out
}

// suspicion is a refusal that others share.
func suspicion(f *failure) *failure {
	out := failureOf(ReasonRefused, f.err)
	out.class, out.blames, out.waits, out.closed = transient, true, true, f.closed
	return out
}

func (e *evidence) refusedAlike(answer, to string) int {
	if e.alike == nil {
		e.alike = map[string]map[string]bool{}
	}
	if e.alike[answer] == nil && len(e.alike) >= mostAnswers {
		answer = ""
	}
	same := e.alike[answer]
	n := several(&same, to)
	e.alike[answer] = same
	return n
}

// several adds a recipient to a set, and says how many it has, mostAlike at most.
func several(set *map[string]bool, to string) int {
	if *set == nil {
		*set = map[string]bool{}
	}
	if len(*set) < mostAlike {
		(*set)[to] = true
	}
	return len(*set)
}

// remember keeps the first refusal of a message.
func (e *evidence) remember(message string, f *failure) {
	if _, ok := e.refused[message]; ok {
		return
	}
	now := time.Now()
	if len(e.refused) >= mostRefused {
		for m, r := range e.refused {
			if now.Sub(r.since) > 24*time.Hour {
				delete(e.refused, m)
			}
		}
		if len(e.refused) >= mostRefused {
			return // a conclusion about this message waits until there is room
		}
	}
	if e.refused == nil {
		e.refused = map[string]refusal{}
	}
	asked := askedMost
	if f.named {
		asked = f.pause
	}
	e.refused[message] = refusal{e.clock, now, now.Add(asked)}
}
