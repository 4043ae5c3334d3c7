package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Checks is the catalogue, in the order in which it is told.
func Checks() []Check {
	return slices.Concat(settingsChecks, natsChecks, streamChecks, temporalChecks, workerChecks, providerChecks, inboxChecks, machineChecks)
}

// has tells whether a role is meant to run.
func (f *Facts) has(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(f.Roles, r) })
}

// needs skips a check unless one of these roles runs.
func needs(roles ...string) func(*Facts) string {
	return func(f *Facts) string {
		if f.has(roles...) {
			return ""
		}
		return "only for the role " + strings.Join(roles, " or ")
	}
}

// running skips a check before the first start.
func running(f *Facts) string {
	if f.Pre {
		return "after the first start"
	}
	return ""
}

// first is the first reason not to check.
func first(skips ...func(*Facts) string) func(*Facts) string {
	return func(f *Facts) string {
		for _, s := range skips {
			if why := s(f); why != "" {
				return why
			}
		}
		return ""
	}
}

func noIssuer(f *Facts) string {
	if f.Issuer.Host == "" {
		return "no --oidc-issuer can be asked"
	}
	return ""
}

const soon = 21 * 24 * time.Hour // a certificate ends

// ends judges when a certificate does.
func (l *lines) ends(what string, at, now time.Time) {
	left := at.Sub(now)
	switch {
	case at.IsZero():
	case left <= 0:
		l.bad("the certificate of %s ended on %s", what, at.Format(time.DateOnly))
	case left < soon:
		l.warn("the certificate of %s ends on %s, in %d days", what, at.Format(time.DateOnly), int(left/(24*time.Hour)))
	}
}

// clock judges another clock.
func (l *lines) clock(c Clock, whose string) {
	if !c.Seen {
		l.cannot("%s did not tell its time", whose)
		return
	}
	off := time.Duration(0) // at least
	switch {
	case c.Ahead > 0:
		off = c.Ahead
	case c.Ahead+c.Within < 0:
		off = c.Ahead + c.Within
	}
	which := "ahead of"
	if off < 0 {
		which = "behind"
	}
	switch size := off.Abs(); {
	case size >= time.Minute:
		l.bad("%s's clock is %s %s ours, or more", whose, size.Round(time.Second), which)
	case size >= 2*time.Second:
		l.warn("%s's clock is %s %s ours, or more", whose, size.Round(time.Second/10), which)
	default:
		l.say("to within %s", max(c.Within, time.Millisecond).Round(time.Millisecond))
	}
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

var settingsChecks = []Check{
	{
		Code: "DR0101", Category: "settings and keys", Title: "the settings make sense together",
		Do: "Mend each setting that is named; `usher config check FILE` names the line of the file.",
		judge: func(f *Facts, l *lines) {
			for _, p := range f.Settings.Problems {
				l.bad("%s", p)
			}
		},
	},
	{
		Code: "DR0102", Category: "settings and keys", Title: "the key that derives user ids is there",
		Do: "Give every process the same key of at least 16 characters with `--id-key-file`; `usher up` makes one in its data folder at its first start.",
		judge: func(f *Facts, l *lines) {
			if f.Keys.IDProblem != "" {
				l.bad("%s", f.Keys.IDProblem)
			} else if l.say("made at the first start"); f.Keys.ID != "" {
				l.say("fingerprint %s", f.Keys.ID)
			}
		},
	},
	{
		Code: "DR0103", Category: "settings and keys", Title: "it is the key that the streams were filled with",
		Do:    "Give usher the key back that it had: with another one the same person gets a second id, and is welcomed twice. Compare the fingerprints of all machines.",
		looks: []string{"JetStream"}, skip: running,
		judge: func(f *Facts, l *lines) {
			switch theirs := f.usersKey(); {
			case f.Keys.ID == "" || theirs == "":
				l.cannot("one of the two is not known")
			case theirs != f.Keys.ID:
				l.bad("the streams have the fingerprint %s, and the key here has %s", theirs, f.Keys.ID)
			}
		},
	},
	{
		Code: "DR0104", Category: "settings and keys", Title: "the keys that encrypt what Temporal stores are there",
		Do:   "Give every bridge and worker the same file with `--payload-key-file`; docs/security.md says how keys are changed.",
		skip: needs("bridge", "worker"),
		judge: func(f *Facts, l *lines) {
			if f.Keys.PayloadProblem != "" {
				l.bad("%s", f.Keys.PayloadProblem)
			} else if l.say("made at the first start"); len(f.Keys.Payload) > 0 {
				l.say("%s", strings.Join(f.Keys.Payload, ", "))
			}
		},
	},
	{
		Code: "DR0105", Category: "settings and keys", Title: "open onboardings are encrypted under keys that are here",
		Do:    "Add the missing key as a further line to the file of `--payload-key-file` on every bridge and worker; until then these onboardings wait.",
		looks: []string{"open onboardings"}, skip: first(needs("bridge", "worker"), running, nowhere),
		judge: func(f *Facts, l *lines) {
			for _, k := range f.Temporal.Runs.Keys {
				if !slices.Contains(f.Keys.Payload, k) {
					l.bad("an open onboarding needs the key %s, which is not here", k)
				}
			}
			l.say("%s looked at", plural(f.Temporal.Runs.Seen, "onboarding"))
		},
	},
	{
		Code: "DR0106", Category: "settings and keys", Title: "people reach the console safely, and it knows who they are",
		Do:   "Give the proxy a certificate and `--console-url` https. Name the proxy's addresses with `--trusted-proxies`, such as 127.0.0.1; otherwise all who come through it count as one in the trail, and slow one another down when they guess passwords (docs/proxy.md).",
		skip: needs("console"),
		judge: func(f *Facts, l *lines) {
			switch s := f.Settings.Site; {
			case s.Plain:
				l.warn("--console-url: passwords and people's data cross the network unencrypted")
			case s.HTTPS && s.Proxies == 0:
				l.warn("--console-url is https, and --trusted-proxies names no proxy")
			case s.HTTPS:
				l.say("https, %s trusted", plural(s.Proxies, "network"))
			}
		},
	},
	{
		Code: "DR0107", Category: "settings and keys", Title: "the issuer that people sign in by can be used",
		Do:   "Compare `--oidc-issuer` with the name that the issuer gives itself, letter by letter; let this machine reach it, and name its authority with `--oidc-ca` if the system does not know it (docs/sign-on.md). Whether the client and its secret are right shows at the first sign-in.",
		skip: first(needs("console"), noIssuer), looks: []string{"issuer"},
		judge: func(f *Facts, l *lines) {
			if f.Issuer.Problem != "" {
				l.bad("%s: %s", f.Issuer.Host, f.Issuer.Problem)
			} else {
				l.say("%s", f.Issuer.Host)
			}
		},
	},
}
