package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	rights "usher/deploy/nats"
)

// notOurs is a stream that is nowhere. A message that expects it is refused by every
// stream, so its publisher learns that it may publish, and nothing is stored.
const notOurs = "USHER_DOCTOR_STORES_NOTHING"

// token stands in subjects where a role may put anything. No user, source or consumer
// is called so.
const token = "usher-doctor"

// upstream is a subject on which no role of usher's may speak, but the bridge, which sends
// dead letters again.
const upstream = "verifications.v1.usher-doctor.approved"

// rights tries what the role needs. Each try is refused for another reason than the
// account's rights when these allow it: so it has no effect.
func (t *NATSTarget) rights(ctx context.Context) (func(*Facts), error) {
	i := slices.IndexFunc(rights.Roles(), func(r rights.Role) bool { return r.Name == t.Role })
	if i < 0 { // admin may do everything
		return func(*Facts) {}, nil
	}
	role := rights.Roles()[i]
	a, err := t.ask(ctx)
	if err != nil {
		return nil, err
	}
	defer a.nc.Close()
	var tries []*nats.Msg
	for _, r := range role.Publish {
		for _, pattern := range r.Subjects {
			if m := try(pattern); m != nil {
				if _, may := role.May(m.Subject); may {
					tries = append(tries, m)
				}
			}
		}
	}
	out := make([]Right, len(tries))
	var wg sync.WaitGroup
	for i, m := range tries {
		wg.Go(func() { out[i] = a.tried(ctx, m) })
	}
	forges := Right{Denied: true}
	if _, may := role.May(upstream); t.Guarded && !may {
		forges = a.tried(ctx, publish(upstream))
	}
	wg.Wait()
	return func(f *Facts) { f.NATS.Rights, f.NATS.Forges = out, !forges.Denied && forges.Problem == "" }, nil
}

// try is a message that shows whether an account may publish to a subject of the
// pattern, and does nothing else; nil where none is known to be harmless:
// acks, purges, and pulls from the bridge's consumers.
func try(pattern string) *nats.Msg {
	subject := strings.ReplaceAll(strings.ReplaceAll(pattern, "*", token), ">", token)
	api, isAPI := strings.CutPrefix(subject, "$JS.API.")
	switch {
	case strings.HasPrefix(subject, "$JS.ACK."):
		return nil
	case !isAPI:
		return publish(subject)
	case strings.HasPrefix(api, "STREAM.PURGE."):
		return nil
	case strings.HasPrefix(api, "CONSUMER.MSG.NEXT."), strings.HasPrefix(api, "CONSUMER.DELETE."):
		if !strings.HasSuffix(pattern, ".*") {
			return nil
		}
		return &nats.Msg{Subject: subject} // about a consumer that is nowhere
	}
	m := &nats.Msg{Subject: subject}
	switch {
	case strings.HasPrefix(api, "CONSUMER.CREATE."): // a name that is not the subject's is refused before all else
		m.Data = []byte(`{"stream_name":"` + notOurs + `"}`)
	case strings.HasPrefix(api, "STREAM.MSG.GET."): // it asks for none
		m.Data = []byte("{}")
	}
	return m
}

func publish(subject string) *nats.Msg {
	return &nats.Msg{Subject: subject, Header: nats.Header{jetstream.ExpectedStreamHeader: {notOurs}}}
}

func (a *asker) tried(ctx context.Context, m *nats.Msg) Right {
	r := Right{Subject: m.Subject}
	answer, err := a.request(ctx, m)
	switch {
	case errors.Is(err, errDenied):
		r.Denied = true
	case errors.Is(err, nats.ErrNoResponders): // it may, and there is nothing to hear it
	case err != nil:
		r.Problem = plain(err)
	case m.Header != nil:
		var ack struct {
			Error *jetstream.APIError `json:"error"`
		}
		if json.Unmarshal(answer.Data, &ack) != nil || ack.Error == nil {
			r.Problem = "the server took a message that it had to refuse"
		}
	}
	return r
}

// Roles are the names of the accounts that usher's roles have on NATS.
func Roles() []string {
	out := []string{"admin"}
	for _, r := range rights.Roles() {
		out = append(out, r.Name)
	}
	return out
}
