package doctor

import (
	"strconv"
	"strings"

	"usher/event"
	"usher/streams"
)

func (f *Facts) usersKey() string {
	if i := f.NATS.Streams[event.StreamUsers]; i != nil {
		return streams.KeyFingerprint(i.Config)
	}
	return ""
}

// older tells whether version is below least; false for what is no version.
func older(version, least string) bool {
	have, want := numbers(version), numbers(least)
	for i := range want {
		if i >= len(have) {
			return len(have) > 0
		}
		if have[i] != want[i] {
			return have[i] < want[i]
		}
	}
	return false
}

func numbers(version string) (out []int) {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return out
		}
		out = append(out, n)
	}
	return out
}

// The versions below which usher cannot work, and below which servers are known to lose
// what they should keep or to hang.
const (
	leastNATS     = "2.12"
	goodNATS      = "2.14.7"
	leastTemporal = "1.29.1"
)

// ours are the certificates and versions of servers that answered.
func (f *Facts) answering() (out []Server) {
	for _, s := range f.NATS.Servers {
		if s.Problem == "" {
			out = append(out, s)
		}
	}
	return out
}

func silent(f *Facts) string {
	if len(f.answering()) == 0 {
		return "no NATS server answers"
	}
	return ""
}

// answers skips what rests on JetStream.
func answers(f *Facts) string {
	if why := silent(f); why != "" {
		return why
	}
	if f.NATS.JetStream != "" {
		return "JetStream does not answer"
	}
	return ""
}

var natsChecks = []Check{
	{
		Code: "DR0201", Category: "NATS", Title: "every NATS server that is named answers",
		Do:    "Start the server, or mend its address in `--nats-url`. As long as one of several answers, usher works.",
		looks: []string{"NATS"},
		judge: func(f *Facts, l *lines) {
			there := 0
			for _, s := range f.NATS.Servers {
				if s.Problem == "" || s.Refused {
					there++
				}
			}
			var good []string
			for _, s := range f.NATS.Servers {
				switch {
				case s.Problem == "" || s.Refused:
					good = append(good, s.Addr)
				case there > 0:
					l.warn("%s: %s", s.Addr, s.Problem)
				default:
					l.bad("%s: %s", s.Addr, s.Problem)
				}
			}
			l.say("%s", strings.Join(good, ", "))
		},
	},
	{
		Code: "DR0202", Category: "NATS", Title: "NATS lets usher in",
		Do:    "Mend `--nats-user` and its password, or `--nats-creds`; docs/security.md has the accounts.",
		looks: []string{"NATS"},
		judge: func(f *Facts, l *lines) {
			for _, s := range f.NATS.Servers {
				if s.Refused {
					l.bad("%s refuses the credentials", s.Addr)
				}
			}
			if why := silent(f); why != "" && l.mark == OK {
				l.cannot("%s", why)
			}
		},
	},
	{
		Code: "DR0203", Category: "NATS", Title: "NATS is new enough",
		Do:    "Update nats-server: usher needs " + leastNATS + " for atomic batches, and from " + goodNATS + " on moving and scaling streams is safe. Debian's own package is too old.",
		looks: []string{"NATS"}, skip: silent,
		judge: func(f *Facts, l *lines) {
			var all []string
			for _, s := range f.answering() {
				all = append(all, s.Version)
				switch {
				case older(s.Version, leastNATS):
					l.bad("%s has %s, and usher needs %s", s.Addr, s.Version, leastNATS)
				case older(s.Version, goodNATS):
					l.warn("%s has %s; before %s a stream that is moved or scaled may be damaged", s.Addr, s.Version, goodNATS)
				}
			}
			l.say("%s", strings.Join(all, ", "))
		},
	},
	{
		Code: "DR0204", Category: "NATS", Title: "JetStream answers",
		Do:    "Switch JetStream on in the server's configuration and for the account; where it is on, look in the server's log why it does not answer.",
		looks: []string{"JetStream"}, skip: silent,
		judge: func(f *Facts, l *lines) {
			switch {
			case f.NATS.JetStream != "":
				l.bad("%s", f.NATS.JetStream)
			case f.NATS.APILevel >= 0 && f.NATS.APILevel < streams.LeastAPI:
				l.bad("the server speaks level %d of its API, and usher needs %d: files cannot be imported", f.NATS.APILevel, streams.LeastAPI)
			}
		},
	},
	{
		Code: "DR0205", Category: "NATS", Title: "the account has room for the streams",
		Do:    "Raise the account's or the server's limit (`max_file_store`), or give `usher setup` a smaller `--max-store`.",
		looks: []string{"JetStream"}, skip: answers,
		judge: func(f *Facts, l *lines) {
			switch {
			case f.NATS.APILevel < 0:
				l.cannot("this account of NATS may not ask for it")
			case f.NATS.Limit <= 0:
				l.say("the account has no limit")
			case len(f.NATS.Streams) == 0 && f.NATS.Want > f.NATS.Limit-f.NATS.Used:
				l.bad("the streams need %s and the account has %s left", size(f.NATS.Want), size(f.NATS.Limit-f.NATS.Used))
			case f.NATS.Used*10 >= f.NATS.Limit*9:
				l.warn("%s of %s are used", size(f.NATS.Used), size(f.NATS.Limit))
			default:
				l.say("%s of %s are used", size(f.NATS.Used), size(f.NATS.Limit))
			}
		},
	},
	{
		Code: "DR0206", Category: "NATS", Title: "our clock agrees with NATS's",
		Do:    "Run a time service (chrony, systemd-timesyncd) on every machine.",
		looks: []string{"JetStream"}, skip: first(answers, running),
		judge: func(f *Facts, l *lines) { l.clock(f.NATS.Clock, "NATS") },
	},
	{
		Code: "DR0207", Category: "NATS", Title: "the way to NATS is encrypted",
		Do:    "Use `tls://` in `--nats-url`: names and addresses of people cross this network.",
		looks: []string{"NATS"}, skip: silent,
		judge: func(f *Facts, l *lines) {
			for _, s := range f.answering() {
				switch {
				case s.TLS:
					l.ends(s.Addr, s.CertEnds, f.Taken)
				case !s.Local:
					l.warn("%s is another machine, and names and addresses cross the network in clear", s.Addr)
				}
			}
		},
	},
	{
		Code: "DR0208", Category: "NATS", Title: "what NATS acknowledges is on its disk",
		Do:    "Set `sync_interval: always` in the server's `jetstream` block: with the default, a power cut loses two minutes of what was acknowledged. A client cannot see it, so name a server's monitoring address with `--nats-monitor http://HOST:8222`.",
		looks: []string{"NATS's monitoring", "NATS"},
		judge: func(f *Facts, l *lines) {
			switch {
			case f.NATS.SyncProblem != "":
				l.cannot("the monitoring does not answer: %s", f.NATS.SyncProblem)
			case f.NATS.Sync == "":
				l.cannot("a client cannot see it; name the monitoring address with --nats-monitor")
			case f.NATS.Sync != "always":
				l.warn("the server syncs its disk every %s", f.NATS.Sync)
			}
		},
	},
	{
		Code: "DR0209", Category: "NATS", Title: "the account may do what its role needs",
		Do:    "Take the permissions of this account from deploy/nats/usher.conf, which is made from the same table. Each right is tried with a message that has no effect; acks, purges and pulls from the bridge's consumers are not tried.",
		looks: []string{"the account's rights"}, skip: silent,
		judge: func(f *Facts, l *lines) {
			for _, r := range f.NATS.Rights {
				switch {
				case r.Denied:
					l.bad("%s may not publish to %s", f.NATS.Role, r.Subject)
				case r.Problem != "":
					l.warn("%s: %s", r.Subject, r.Problem)
				}
			}
			l.say("%s as %s", plural(len(f.NATS.Rights), "right"), f.NATS.Role)
		},
	},
	{
		Code: "DR0210", Category: "NATS", Title: "the account may not speak as an upstream system",
		Do:    "Give each role the permissions of deploy/nats/usher.conf: an account that may publish any verification can approve anybody.",
		looks: []string{"the account's rights"}, skip: silent,
		judge: func(f *Facts, l *lines) {
			switch {
			case f.NATS.Role == "admin" || !f.NATS.Guarded:
				l.cannot("only for an account of a role")
			case f.NATS.Forges:
				l.warn("%s may publish verifications of any source", f.NATS.Role)
			}
		},
	},
}
