package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
	"usher/streams"
)

// size is an amount of room for people.
func size(n int64) string {
	v, unit := float64(n), "B"
	for _, u := range []string{"kB", "MB", "GB", "TB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	return strconv.FormatFloat(v, 'g', 3, 64) + " " + unit
}

// replicaIsThere is how long ago a leader may have heard of a copy that counts.
const replicaIsThere = 10 * time.Second

// copies judges the leader and the copies of a stream or a consumer.
func (l *lines) copies(what string, c *jetstream.ClusterInfo) {
	if c == nil {
		return
	}
	if c.Leader == "" {
		l.bad("%s has no leader", what)
		return
	}
	there, all := 1, 1+len(c.Replicas)
	for _, r := range c.Replicas {
		switch {
		case r == nil: // in a bundle, which may come from anywhere
			continue
		case r.Offline || r.Active >= replicaIsThere:
			l.warn("%s: the copy on %s is away", what, r.Name)
			continue
		case !r.Current || r.Lag > 0 && r.Active >= time.Second:
			l.warn("%s: the copy on %s is behind", what, r.Name)
		}
		there++
	}
	if 2*there <= all {
		l.bad("%s: %d of %d copies are there, which is too few to store anything", what, there, all)
	}
}

// each calls judge for each stream of the table that is there.
func (f *Facts) each(judge func(want, got jetstream.StreamConfig, i *jetstream.StreamInfo)) {
	for _, want := range streams.Table(streams.Options{}) {
		if i := f.NATS.Streams[want.Name]; i != nil {
			judge(want, i.Config, i)
		}
	}
}

func unseen(f *Facts) string {
	if why := answers(f); why != "" {
		return why
	}
	if len(f.NATS.Streams) == 0 && f.Pre {
		return "usher has no streams yet"
	}
	return ""
}

var streamChecks = []Check{
	{
		Code: "DR0301", Category: "streams", Title: "all streams are there",
		Do:    "Run `usher setup` with an account that may make streams; `usher up` makes its own.",
		looks: []string{"JetStream"}, skip: first(answers, running),
		judge: func(f *Facts, l *lines) {
			if len(f.NATS.Missing) > 0 {
				l.bad("missing: %s", strings.Join(f.NATS.Missing, ", "))
			}
			if len(f.NATS.Denied) > 0 {
				l.warn("this account may not look at %s", strings.Join(f.NATS.Denied, ", "))
			}
			l.say("%s", plural(len(f.NATS.Streams), "stream"))
		},
	},
	{
		Code: "DR0302", Category: "streams", Title: "no stream is lost or was made anew",
		Do:    "Mount the stream's volume or restore its backup. When it is lost for good, say so with `--accept-lost STREAM`: people may be welcomed twice or left out.",
		looks: []string{"JetStream"}, skip: unseen,
		judge: func(f *Facts, l *lines) {
			if err := streams.Lost(f.NATS.Streams); err != nil && len(f.NATS.Denied) == 0 {
				for line := range strings.Lines(err.Error()) {
					l.bad("%s", strings.TrimSpace(line))
				}
			}
			f.each(func(_, got jetstream.StreamConfig, i *jetstream.StreamInfo) {
				if streams.Born(i) == "" {
					l.warn("the stream %s does not say when it was made, so it cannot be told from another one once it was restored: run `usher setup`", got.Name)
				}
			})
		},
	},
	{
		Code: "DR0303", Category: "streams", Title: "the streams' settings are those of the table",
		Do:    "Change the setting with the nats tool to what is named (`nats stream edit`); docs/design.md has the table.",
		looks: []string{"JetStream"}, skip: unseen,
		judge: func(f *Facts, l *lines) {
			f.each(func(_, got jetstream.StreamConfig, _ *jetstream.StreamInfo) {
				if err := streams.Check(got); err != nil {
					l.bad("%v", err)
				}
			})
		},
	},
	{
		Code: "DR0304", Category: "streams", Title: "the streams' limits lose nothing",
		Do:    "Give each stream a size (`nats stream edit NAME --max-bytes …`), no limit on messages, and no shorter age than the table in docs/design.md has.",
		looks: []string{"JetStream"}, skip: unseen,
		judge: func(f *Facts, l *lines) {
			f.each(func(want, got jetstream.StreamConfig, _ *jetstream.StreamInfo) {
				if got.MaxBytes <= 0 {
					l.warn("%s has no size: a full disk stops every stream at once", got.Name)
				}
				if got.MaxMsgs > 0 {
					l.bad("%s keeps %d messages at most", got.Name, got.MaxMsgs)
				}
				if got.MaxAge > 0 && (want.MaxAge == 0 || got.MaxAge < want.MaxAge) {
					l.bad("%s loses messages after %s, and usher counts on %s", got.Name, got.MaxAge, age(want.MaxAge))
				}
				if got.MaxMsgSize > 0 && (want.MaxMsgSize <= 0 || got.MaxMsgSize < want.MaxMsgSize) {
					l.bad("%s takes no message above %d bytes", got.Name, got.MaxMsgSize)
				}
			})
		},
	},
	{
		Code: "DR0305", Category: "streams", Title: "in a cluster there are three copies of each stream",
		Do:    "`nats stream edit NAME --replicas 3`: with one copy, a lost disk takes what it acknowledged with it.",
		looks: []string{"JetStream"}, skip: unseen,
		judge: func(f *Facts, l *lines) {
			clustered := false
			for _, s := range f.answering() {
				clustered = clustered || s.Cluster != ""
			}
			if !clustered {
				l.cannot("this is one server")
				return
			}
			f.each(func(_, got jetstream.StreamConfig, _ *jetstream.StreamInfo) {
				if got.Replicas < 3 {
					l.warn("%s has %s", got.Name, strings.Replace(plural(got.Replicas, "copy"), "copys", "copies", 1))
				}
			})
		},
	},
	{
		Code: "DR0306", Category: "streams", Title: "each stream has a leader, and its copies are up to date",
		Do:    "Start the servers that are away. When all run and a stream has no leader for minutes, look in their logs; `nats stream cluster step-down NAME` chooses a new one.",
		looks: []string{"JetStream"}, skip: unseen,
		judge: func(f *Facts, l *lines) {
			f.each(func(_, got jetstream.StreamConfig, i *jetstream.StreamInfo) { l.copies(got.Name, i.Cluster) })
			for _, name := range names(f.NATS.Consumers) {
				l.copies("the consumer "+name, f.NATS.Consumers[name].Cluster)
			}
		},
	},
	{
		Code: "DR0307", Category: "streams", Title: "no stream is full",
		Do:    "See docs/runbook.md, UsherStreamNearFull: find what fills it, or give it more room with `nats stream edit NAME --max-bytes …`.",
		looks: []string{"JetStream"}, skip: unseen,
		judge: func(f *Facts, l *lines) {
			f.each(func(want, got jetstream.StreamConfig, i *jetstream.StreamInfo) {
				if got.MaxBytes <= 0 || want.Discard != jetstream.DiscardNew {
					return
				}
				switch used := int64(i.State.Bytes); {
				case used >= got.MaxBytes/100*98:
					l.bad("%s is full: %s of %s", got.Name, size(used), size(got.MaxBytes))
				case used >= got.MaxBytes/100*85: // from 80 % on usher makes room by itself
					l.warn("%s holds %s of %s", got.Name, size(used), size(got.MaxBytes))
				}
			})
		},
	},
	{
		Code: "DR0308", Category: "streams", Title: "a bridge takes events",
		Do:    "Start a bridge (`usher bridge`, or `usher up`), and look at its `/readyz?verbose`: its breaker may be open.",
		looks: []string{"JetStream"}, skip: first(answers, running),
		judge: func(f *Facts, l *lines) {
			if len(f.NATS.Unmade) > 0 {
				l.bad("no bridge has run yet: %s is not there", strings.Join(f.NATS.Unmade, ", "))
			}
			waiting := uint64(0)
			_, paused := f.NATS.Paused[event.StageBridge]
			for _, name := range names(f.NATS.Consumers) {
				c := f.NATS.Consumers[name]
				if c.NumWaiting == 0 && c.NumAckPending == 0 && !paused {
					l.bad("nothing asks for the messages of %s, of which %d wait", name, c.NumPending)
				}
				waiting += c.NumPending
			}
			if l.mark == OK && len(f.NATS.Consumers) == 0 {
				l.cannot("this account of NATS may not look at the consumers")
				return
			}
			l.say("%d wait for it", waiting)
			if paused && l.mark == OK {
				l.cannot("the bridge is paused; %d wait for it", waiting)
			}
		},
	},
	{
		Code: "DR0309", Category: "streams", Title: "nothing lies among the dead letters",
		Do:    "`usher deadletters ls` says what they are and why; `usher deadletters replay` sends them again once the cause is mended.",
		looks: []string{"JetStream"}, skip: first(answers, running),
		judge: func(f *Facts, l *lines) {
			if i := f.NATS.Streams["DEADLETTERS"]; i == nil {
				l.cannot("the stream DEADLETTERS was not seen")
			} else if i.State.Msgs > 0 {
				l.warn("%s", plural(int(i.State.Msgs), "dead letter"))
			}
		},
	},
	{
		Code: "DR0310", Category: "streams", Title: "no stage is paused",
		Do:    "`usher status` says who paused it and why; `usher resume STAGE` lets it go on.",
		looks: []string{"pauses"}, skip: first(answers, running),
		judge: func(f *Facts, l *lines) {
			for _, stage := range event.Stages() {
				if said, paused := f.NATS.Paused[stage]; paused {
					l.warn("%s is %s", stage, said)
				}
			}
		},
	},
}

func age(d time.Duration) string {
	if d == 0 {
		return "for ever"
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
