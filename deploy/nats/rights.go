package nats

import (
	"slices"
	"strings"

	"usher/event"
)

// Role is a user of the server and what it may do there.
type Role struct {
	Name    string
	About   string // what it is for, in sentences
	Publish []Right
	Deny    []Right // of what Publish lets through
	Listen  []Right // beside its own replies
}

// Right is a set of subjects and the reason for them.
type Right struct {
	Subjects []string
	Why      string

	// Unasked says why nothing that runs today asks for it; "" where something
	// does, which the end-to-end test checks.
	Unasked string
}

func right(why string, subjects ...string) Right { return Right{Subjects: subjects, Why: why} }

// Inbox is the prefix of the subjects that a role gets its replies on.
func Inbox(role string) string { return "_INBOX_" + role }

const api = "$JS.API."

// kv is the stream of a bucket.
func kv(bucket string) string { return "KV_" + bucket }

// looks is what every role does at its start: it checks how the streams are.
var looks = right("It checks the streams at its start, and looks how full they are.", api+"STREAM.INFO.*")

// heedsPauses is what every role does all the time: operators may pause its stage.
var heedsPauses = right("It looks which stages operators have paused.", api+"STREAM.MSG.GET."+kv(event.BucketControl))

// hearsPauses is that it hears so at once.
var hearsPauses = right("It hears when operators pause or resume a stage.", "$KV."+event.BucketControl+".paused.*")

// choresOf is what a role needs to carry out what people ask it for at a console, beside
// what it then does.
func choresOf(role string) Right {
	return right("It says how far it is with what people ask for at a console.", "$KV."+event.BucketControl+".chore."+role+".*")
}

// hearsChores is that it hears so at once.
func hearsChores(role string) Right {
	return right("It hears what people ask for at a console.", "$KV."+event.BucketControl+".chore."+role+".*")
}

// readsWith are consumers of a role's own on streams, which a reader takes away when
// it ends.
func readsWith(why string, streams ...string) []Right {
	read, look := Right{Why: why}, Right{Why: "One that follows a stream looks how far it is.", Unasked: "Others do not."}
	for _, s := range streams {
		read.Subjects = append(read.Subjects, api+"CONSUMER.CREATE."+s+".>", api+"CONSUMER.MSG.NEXT."+s+".*", api+"CONSUMER.DELETE."+s+".*")
		look.Subjects = append(look.Subjects, api+"CONSUMER.INFO."+s+".*")
	}
	return []Right{read, look}
}

// readsWhole is readsWith of what must not miss anything: the leader is asked whether
// the copy that was read has it all.
func readsWhole(why string, streams ...string) []Right {
	whole := Right{Why: "The leader tells whether the copy that was read has it all."}
	for _, s := range streams {
		whole.Subjects = append(whole.Subjects, api+"STREAM.MSG.GET."+s)
	}
	return append(readsWith(why, streams...), whole)
}

// records reads single records of buckets from the leader.
func records(why string, buckets ...string) Right {
	r := Right{Why: why}
	for _, b := range buckets {
		r.Subjects = append(r.Subjects, api+"STREAM.MSG.GET."+kv(b))
	}
	return r
}

func withoutTest(r Right, why string) Right {
	r.Unasked = why
	return r
}

// gaveUp are what the server says of messages that it will not deliver again, by
// stream and consumer.
func gaveUp(streamsAndConsumers ...string) (out []string) {
	for of := range slices.Chunk(streamsAndConsumers, 2) {
		for _, kind := range []string{"MAX_DELIVERIES", "MSG_TERMINATED"} {
			out = append(out, "$JS.EVENT.ADVISORY.CONSUMER."+kind+"."+of[0]+"."+of[1])
		}
	}
	return out
}

// notTheBridges keeps a role that reads a stream with consumers of its own away from
// the bridge's: it would take messages out of the bridge's hands.
func notTheBridges(streams ...string) Right {
	r := Right{Why: "The bridge's consumers are not its to change, to take from or to delete."}
	for _, s := range streams {
		c := map[string]string{event.StreamUsers: event.ConsumerUsers, event.StreamVerifications: event.ConsumerVerifications}[s]
		r.Subjects = append(r.Subjects, api+"CONSUMER.CREATE."+s+"."+c, api+"CONSUMER.CREATE."+s+"."+c+".>", api+"CONSUMER.MSG.NEXT."+s+"."+c, api+"CONSUMER.DELETE."+s+"."+c)
	}
	return r
}

// Roles are all users of usher's own account but the administrator.
func Roles() []Role {
	const users, verifications, onboarding, letters = event.StreamUsers, event.StreamVerifications, event.StreamOnboarding, event.StreamDeadLetters
	return []Role{
		{
			Name: "watch", About: "Files become events.",
			Publish: []Right{
				right("What it is for: records, and how far a file is.", "users.v1.imported.*", "users.v1.checkpoint.>", "users.v1.progress.>", "users.v1.inbox.*"),
				looks, heedsPauses,
				right("It reads the checkpoint of a file.", api+"DIRECT.GET."+users+".>"),
				right("It slows down when the bridge is far behind.", api+"CONSUMER.INFO."+users+"."+event.ConsumerUsers),
			},
			Listen: []Right{hearsPauses},
		},
		{
			Name: "bridge", About: "Events become workflows and signals.",
			Publish: slices.Concat([]Right{
				right("What it tells: facts, dead letters, who is known.", "onboarding.v1.>", "deadletters.v1.>", "$KV."+event.BucketPeople+".>"),
				looks, heedsPauses,
				records("It reads who is known.", event.BucketPeople),
				right("It takes events with its two consumers.",
					api+"CONSUMER.CREATE."+users+"."+event.ConsumerUsers+".>", api+"CONSUMER.CREATE."+verifications+"."+event.ConsumerVerifications+".>",
					api+"CONSUMER.INFO."+users+"."+event.ConsumerUsers, api+"CONSUMER.INFO."+verifications+"."+event.ConsumerVerifications,
					api+"CONSUMER.MSG.NEXT."+users+"."+event.ConsumerUsers, api+"CONSUMER.MSG.NEXT."+verifications+"."+event.ConsumerVerifications,
					"$JS.ACK."+users+"."+event.ConsumerUsers+".>", "$JS.ACK."+verifications+"."+event.ConsumerVerifications+".>"),
				{Subjects: []string{"$JS.ACK.*.*." + users + "." + event.ConsumerUsers + ".>", "$JS.ACK.*.*." + verifications + "." + event.ConsumerVerifications + ".>"},
					Why: "Acks with domain and account.", Unasked: "Servers are moving to this form."},
				right("It reads single messages, of the leader: records of users, what the server gives up, and how old the oldest open one is.",
					api+"STREAM.MSG.GET."+users, api+"STREAM.MSG.GET."+verifications),
				right("It exports how much room there is.", api+"INFO"),
				choresOf(event.ChoresOfBridge),
				right("A person asks at a console to send dead letters again, to where they were for, or to drop them; and to send messages again that did not arrive.",
					"users.v1.imported.*", "verifications.v1.*.*", api+"STREAM.MSG.GET."+letters, api+"STREAM.MSG.DELETE."+letters),
				right("A stream that is nearly full loses its oldest messages that are not needed any more; the floors of all consumers tell which.",
					api+"STREAM.PURGE."+users, api+"STREAM.PURGE."+verifications, api+"CONSUMER.LIST."+users, api+"CONSUMER.LIST."+verifications),
			}, readsWhole("PEOPLE, decisions and facts tell what is still needed.", kv(event.BucketPeople), verifications, onboarding)),
			Listen: []Right{hearsPauses, hearsChores(event.ChoresOfBridge), right("Messages that its consumers gave up.", gaveUp(users, event.ConsumerUsers, verifications, event.ConsumerVerifications)...)},
		},
		{
			Name: "worker", About: "Workflows, activation, messages, reports.",
			Publish: slices.Concat([]Right{
				right("What it tells and keeps: facts, dead letters, sends, reports, suppressed addresses.",
					"onboarding.v1.>", "deadletters.v1.>", "$KV."+event.BucketPeople+".>", "$KV."+event.BucketReports+".>", "$KV."+event.BucketDelivery+".>"),
				looks, heedsPauses,
				records("It reads what it keeps.", event.BucketPeople, event.BucketReports, event.BucketDelivery),
				right("A decision whose user never came is read from its stream and kept as a dead letter.", api+"STREAM.MSG.GET."+verifications),
				right("A mail has what the trail of who did what ends with.", api+"STREAM.MSG.GET."+event.StreamAudit),
				right("Reports say how far the bridge is.", api+"CONSUMER.INFO."+users+"."+event.ConsumerUsers),
				choresOf(event.ChoresOfWorker),
			}, readsWhole("Reports and the reconciliation read with consumers of their own.", users, onboarding, letters, kv(event.BucketPeople))),
			Deny:   []Right{notTheBridges(users)},
			Listen: []Right{hearsPauses, hearsChores(event.ChoresOfWorker)},
		},
		{
			Name: "console", About: "Web pages and API.",
			Publish: slices.Concat([]Right{
				right("What it is for: decisions, and the record of who did what.", "verifications.v1.console.*", "audit.v1.>"),
				right("What becomes of files that are held.", "users.v1.release.>"),
				right("What the columns of files with certain titles are, as a person said at an upload; the leader tells whether the copy that was read has it all.", "users.v1.columns.>", api+"STREAM.MSG.GET."+users),
				right("Accounts, sessions, and decisions about many.", "$KV."+event.BucketConsole+".>"),
				right("What it asks of others, which its account may not do itself: they know what it may be.", "$KV."+event.BucketControl+".chore.*.*"),
				right("One dead letter, whole.", api+"STREAM.MSG.GET."+letters),
				looks, heedsPauses,
				records("It reads accounts, sessions and decisions about many.", event.BucketConsole),
				withoutTest(records("A user's page has what was sent.", event.BucketPeople), "Tests of the console's pages ask for it."),
			}, readsWith("The read model is filled with consumers of its own.", users, verifications, onboarding, letters),
				readsWhole("The list of suppressed addresses is shown, too.", kv(event.BucketDelivery)),
				readsWith("The trail is shown, too.", event.StreamAudit),
				[]Right{right("It appends to the trail behind the last entry, which the leader tells.", api+"STREAM.MSG.GET."+event.StreamAudit)},
				readsWith("It follows who signs in and out, so that streams of pages end with their sessions, and decisions about many, which another console may have begun.", kv(event.BucketConsole))),
			Deny:   []Right{notTheBridges(users, verifications)},
			Listen: []Right{hearsPauses},
		},
		{
			Name: "cli", About: "Operators' commands: verify, release, withdraw, reopen, resend, status, pause, resume, suppress, canary, deadletters ls and show.",
			Publish: slices.Concat([]Right{
				right("Decisions and orders.", "verifications.v1.cli.*"),
				right("What becomes of files that are held.", "users.v1.release.>"),
				right("What the columns of files with certain titles are.", "users.v1.columns.>"),
				right("A canary user decides about itself, and takes its own record out.", "verifications.v1.canary.approved", "$KV."+event.BucketPeople+"."+event.SourceCanary+".*"),
				right("It pauses and resumes stages.", "$KV."+event.BucketControl+".paused.*"),
				right("The suppression list.", "$KV."+event.BucketDelivery+".suppressed.*"),
				looks, heedsPauses,
				records("Single people and entries of the list.", event.BucketPeople, event.BucketDelivery),
				right("One dead letter.", api+"STREAM.MSG.GET."+letters),
				withoutTest(right("usher doctor looks how much room there is.", api+"INFO"), "The doctor tries each right, so the test that looks for superfluous ones does not run it."),
			}, readsWhole("What a decision became, what status tells, the suppression list and who has which status are read with consumers of its own.",
				users, verifications, onboarding, letters, kv(event.BucketDelivery), kv(event.BucketPeople))),
			Deny: []Right{notTheBridges(users, verifications)},
		},
	}
}

// May tells whether a role may publish to a subject, and which of its rights says
// so.
func (r Role) May(subject string) (Right, bool) {
	if _, denied := covering(r.Deny, subject); denied {
		return Right{}, false
	}
	return covering(r.Publish, subject)
}

func covering(rights []Right, subject string) (Right, bool) {
	i := slices.IndexFunc(rights, func(r Right) bool {
		return slices.ContainsFunc(r.Subjects, func(p string) bool { return Covers(p, subject) })
	})
	if i < 0 {
		return Right{}, false
	}
	return rights[i], true
}

// Covers tells whether a pattern with NATS's wildcards covers a subject, which may
// have some itself.
func Covers(pattern, subject string) bool {
	want, got := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, w := range want {
		switch {
		case w == ">":
			return len(got) > i
		case i >= len(got), w != "*" && w != got[i], w == "*" && got[i] == ">":
			return false
		}
	}
	return len(want) == len(got)
}

// Unused are the subjects of a role's rights that cover nothing that was asked,
// where something should ask for them.
func (r Role) Unused(published, listened []string) (out []string) {
	check := func(rights []Right, asked []string) {
		for _, right := range rights {
			for _, p := range right.Subjects {
				if right.Unasked == "" && !slices.ContainsFunc(asked, func(s string) bool { return Covers(p, s) }) {
					out = append(out, p)
				}
			}
		}
	}
	check(r.Publish, published)
	check(r.Listen, listened)
	return out
}
