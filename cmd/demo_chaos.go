package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"usher/app"
	"usher/event"
)

// chaosRules is what goes wrong in the demo: more in a minute than with most
// providers in a year.
const chaosRules = `
seed 42
smtp.connect 421 4.3.2 4%
smtp.mail drop 4%
smtp.reuse 421 4.7.0 10%
smtp.rcpt 450 4.2.0 8%
smtp.dot 451 4.3.0 6%
smtp.dot drop 4%
smtp.dot lost 8%
smtp.dot slow=6s 3%
sms 429 retry-after=1s 10%
sms 500 taken 6%
sms drop 4%
sms lost 6%
sms hang 2%
`

const chaosUsers = 60

// prepareChaos makes the demo's users, and times so short that it is over soon.
func (d *demoCmd) prepareChaos(c *app.Config) error {
	c.CatcherChaos = chaosRules
	c.SendAttempt, c.RetryFirst, c.MaxPause = 4*time.Second, 300*time.Millisecond, 2*time.Second
	d.Sample = filepath.Join(d.Data, "chaos.csv")
	c.Sample = d.Sample
	var b strings.Builder
	b.WriteString("user_id,name,email,phone,locale\n")
	for i := range chaosUsers {
		fmt.Fprintf(&b, "u-%d,User %d,user%d@example.org,+4930901%05d,%s\n", i+1, i+1, i+1, i+1, []string{"en", "de"}[i%2])
	}
	return os.WriteFile(d.Sample, []byte(b.String()), 0o640)
}

// figures prints how the attempts stand now: the figures of /metrics from which
// the retry panels are drawn.
func (d demoCmd) figures(ctx context.Context, s *session, a app.Addresses) error {
	families, err := scrape(ctx, a.Ops)
	if err != nil {
		return err
	}
	tried := func(result string) (n float64) {
		for _, m := range families["usher_notify_attempts_total"].GetMetric() {
			if labelOf(m, "result") == result {
				n += m.GetCounter().GetValue()
			}
		}
		return n
	}
	copies := 0.0
	for _, m := range families["usher_notify_copies_total"].GetMetric() {
		copies += m.GetCounter().GetValue()
	}
	_, err = fmt.Fprintf(s.stdout, "  %3.0f messages accepted · attempts: %3.0f refused and tried again, %2.0f failed for good, %2.0f without an answer · %2.0f sent again at the risk of a copy\n",
		tried("accepted"), tried("retry"), tried("failed"), tried("unknown"), copies)
	return err
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func scrape(ctx context.Context, ops string) (map[string]*dto.MetricFamily, error) {
	r, err := fetch(ctx, "http://"+ops+"/metrics")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	p := expfmt.NewTextParser(model.UTF8Validation)
	return p.TextToMetricFamilies(r.Body)
}

func fetch(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}

// chaosSummary holds what the catcher has against the ledger, message by message.
func (d demoCmd) chaosSummary(ctx context.Context, s *session, a app.Addresses, cl *app.Client, users []string) error {
	mails, texts, err := arrivals(ctx, a)
	if err != nil {
		return err
	}
	var accepted, unknown, arrived, doubled, copies, counted int
	var wrong []error
	for _, id := range users {
		p, _, err := cl.People.Get(ctx, id)
		if err != nil {
			return err
		}
		n := strings.TrimPrefix(id, "u-")
		for channel, got := range map[string]int{event.ChannelEmail: mails["user"+n+"@example.org"], event.ChannelSMS: texts[fmt.Sprintf("+4930901%05s", n)]} {
			e := p.Sends[event.SendKey(1, event.PurposeWelcome, channel, 1)]
			switch e.State {
			case event.SendAccepted:
				accepted++
			case event.SendUnknown:
				unknown++
			}
			arrived += got
			counted += e.Copies
			if got > 1 {
				doubled++
				copies += got - 1
			}
			if got > 1+e.Copies || got == 0 && e.State == event.SendAccepted {
				wrong = append(wrong, fmt.Errorf("%s by %s: %d arrived, the ledger says %s with %d copies", id, channel, got, e.State, e.Copies))
			}
		}
	}
	w := func(format string, args ...any) { fmt.Fprintf(s.stdout, format+"\n", args...) }
	w("\n%d users were approved: %d messages were accepted and %d are left to a person, because it cannot be known whether they went out.", len(users), accepted, unknown)
	w("%d messages arrived: %d were doubled (%d copies), because the first had been taken and its answer was late or lost.", arrived, doubled, copies)
	if len(wrong) == 0 {
		w("The ledger counted each of them: it says %d copies, because it also counts those that were not needed, which cannot be known.", counted)
	}
	w("\nWhat the catcher did on purpose:")
	r, err := fetch(ctx, "http://"+a.CatcherHTTP+"/api/v1/chaos")
	if err != nil {
		return err
	}
	defer r.Body.Close()
	var c struct {
		Rules []struct {
			Rule string
			Hits int
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		return err
	}
	for _, x := range c.Rules {
		w("  %3d times  %s", x.Hits, x.Rule)
	}
	return errors.Join(wrong...)
}

// arrivals counts what the catcher holds, by address.
func arrivals(ctx context.Context, a app.Addresses) (mails, texts map[string]int, err error) {
	mails, texts = map[string]int{}, map[string]int{}
	var m struct {
		Messages []struct{ To []struct{ Address string } }
	}
	var t struct{ Messages []struct{ To string } }
	for path, into := range map[string]any{"/api/v1/messages?limit=1000": &m, "/2010-04-01/Accounts/AC/Messages.json?PageSize=1000": &t} {
		r, err := fetch(ctx, "http://"+a.CatcherHTTP+path)
		if err != nil {
			return nil, nil, err
		}
		err = json.NewDecoder(r.Body).Decode(into)
		r.Body.Close()
		if err != nil {
			return nil, nil, err
		}
	}
	for _, x := range m.Messages {
		mails[x.To[0].Address]++
	}
	for _, x := range t.Messages {
		texts[x.To]++
	}
	return mails, texts, nil
}
