package doctor

import (
	"slices"
	"strings"
)

// providers judges some steps on the way to each provider.
func (f *Facts) providers(l *lines, steps []string, good func(Provider) string) {
	var said []string
	for _, p := range f.Providers {
		at := p.Channel + " " + p.Name
		switch {
		case slices.Contains(steps, p.Failed):
			switch {
			case p.Channel == "":
				l.bad("%s", p.Problem)
			case p.Addr == "":
				l.bad("%s: %s", at, p.Problem)
			default:
				l.bad("%s, %s: %s", at, p.Addr, p.Problem)
			}
		case p.Failed != "" && slices.Index(allSteps, p.Failed) < slices.Index(allSteps, steps[0]): // it did not come so far
		default:
			if text := good(p); text != "" {
				said = append(said, text)
			}
		}
	}
	if l.mark == OK {
		l.say("%s", strings.Join(said, ", "))
	}
	if l.mark == OK && len(said) == 0 {
		l.cannot("there is none for which it could be seen")
	}
}

var allSteps = []string{StepSettings, StepName, StepConnect, StepTLS, StepGreeting, StepSignIn, StepEnvelope}

func nameOf(p Provider) string { return p.Name }

var sends = needs("worker")

var providerChecks = []Check{
	{
		Code: "DR0601", Category: "providers", Title: "there are providers for messages, and the settings of each are complete",
		Do:   "Name a mail server with `--smtp-addr`, a service with `--sms-url`, or both in a file with `--providers`; docs/delivery.md.",
		skip: sends, looks: []string{"provider *"},
		judge: func(f *Facts, l *lines) {
			channels := 0
			for _, p := range f.Providers {
				if p.Channel != "accounts" {
					channels++
				}
			}
			if f.providers(l, []string{StepSettings}, nameOf); channels == 0 && f.Catcher {
				l.mark, l.says = OK, "the catcher of `usher up`"
			} else if channels == 0 && l.mark != Failed {
				l.bad("no provider is configured, neither for e-mail nor for text messages")
			}
		},
	},
	{
		Code: "DR0602", Category: "providers", Title: "the names of providers are known to DNS",
		Do:   "Mend the name, or this machine's resolver (/etc/resolv.conf).",
		skip: sends, looks: []string{"provider *"},
		judge: func(f *Facts, l *lines) { f.providers(l, []string{StepName}, nameOf) },
	},
	{
		Code: "DR0603", Category: "providers", Title: "providers take connections",
		Do:   "Open the firewall towards the address that is named, or mend its port. Many networks close port 25; 587 and 465 are for programs.",
		skip: sends, looks: []string{"provider *"},
		judge: func(f *Facts, l *lines) { f.providers(l, []string{StepConnect}, nameOf) },
	},
	{
		Code: "DR0604", Category: "providers", Title: "providers greet usher, with TLS where it is asked",
		Do:   "The cause says whether it is TLS (mend `--smtp-tls`, or name the authority with `ca_file`) or the greeting (the server may refuse this machine's name or address).",
		skip: sends, looks: []string{"provider *"},
		judge: func(f *Facts, l *lines) { f.providers(l, []string{StepTLS, StepGreeting}, nameOf) },
	},
	{
		Code: "DR0605", Category: "providers", Title: "certificates of providers last",
		Do:   "Tell the provider: when it ends, no message goes out.",
		skip: sends, looks: []string{"provider *"},
		judge: func(f *Facts, l *lines) {
			seen := false
			for _, p := range f.Providers {
				seen = seen || !p.CertEnds.IsZero()
				l.ends(p.Channel+" "+p.Name, p.CertEnds, f.Taken)
			}
			if !seen {
				l.cannot("none showed a certificate")
			}
		},
	},
	{
		Code: "DR0606", Category: "providers", Title: "providers let usher sign in",
		Do:   "Mend `--smtp-username` and the password, or the token. A service of text messages is asked only where it is known how to ask without a message (Twilio, Vonage, or a `probe` in its settings); `usher notify test` sends one to you.",
		skip: sends, looks: []string{"provider *"},
		judge: func(f *Facts, l *lines) {
			f.providers(l, []string{StepSignIn}, func(p Provider) string {
				if p.SignsIn {
					return p.Name
				}
				return ""
			})
		},
	},
	{
		Code: "DR0608", Category: "providers", Title: "mail servers take usher's sender, and a recipient",
		Do:   "The cause is the server's own: it may want another name of this side (`helo` in the file of `--providers`), another sender (`--mail-from`), or to be told to relay for usher. Nothing is sent; `usher notify test --probe --to ADDRESS` shows every word, also for a recipient elsewhere.",
		skip: sends, looks: []string{"provider *"},
		judge: func(f *Facts, l *lines) {
			f.providers(l, []string{StepEnvelope}, func(p Provider) string {
				if p.Channel == "email" {
					return p.Name
				}
				return ""
			})
		},
	},
	{
		Code: "DR0607", Category: "providers", Title: "all workers together stay below the providers' limits",
		Do:   "A rate is that of one worker, so divide the provider's limit by their number. Say with `--workers N` how many there are, and with `--provider-limit NAME=RATE` what the provider allows.",
		skip: sends,
		judge: func(f *Facts, l *lines) {
			var said []string
			for _, p := range f.Providers {
				sum := p.Rate * float64(max(f.Workers, 1))
				switch {
				case p.Channel == "accounts":
				case p.Limit > 0 && p.Rate == 0:
					l.warn("%s allows %s, and the workers have no rate", p.Name, rate(p.Limit))
				case p.Limit > 0 && sum > p.Limit*1.001:
					l.bad("%s allows %s, and %s at %s make %s", p.Name, rate(p.Limit), plural(max(f.Workers, 1), "worker"), rate(p.Rate), rate(sum))
				case p.Rate > 0:
					said = append(said, p.Name+" "+rate(sum))
				}
			}
			if l.say("%s", strings.Join(said, ", ")); l.mark == OK && len(said) == 0 {
				l.cannot("no rate is set, and no limit is named")
			}
		},
	},
}
