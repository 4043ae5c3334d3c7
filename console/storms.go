package console

import (
	"context"
	"fmt"
	"time"

	"usher/event"
)

// Bounds of a storm: messages that failed on one channel for one reason, so close
// together and with so few accepted between that it is probably no recipient's fault.
const (
	stormWithin = 10 * time.Minute
	stormLeast  = 5 // users
	stormSince  = 24 * time.Hour
)

// storm is the largest run of failures for one reason.
type storm struct {
	Channel, Reason string
	Users           int
	From, To        time.Time
}

// Says tells of the storm, and how to undo it.
func (s storm) Says() string {
	minutes := max(1, int(s.To.Sub(s.From).Round(time.Minute)/time.Minute))
	return fmt.Sprintf("%d users failed for one reason in %d minutes (%s, %s: %s): probably not theirs. Since %s UTC.",
		s.Users, minutes, s.Channel, s.Reason, event.Explain(s.Reason), s.From.UTC().Format("15:04"))
}

// Undo are the commands that undo it once the provider is mended.
func (s storm) Undo() string {
	since := time.Since(s.From).Truncate(time.Hour) + time.Hour
	cmd := fmt.Sprintf("usher resend --failed-for %s --since %.0fh", s.Reason, since.Hours())
	if s.Reason == "recipient_invalid" || s.Reason == "recipient_blocked" {
		cmd = fmt.Sprintf("usher suppress rm --reason %s --since %.0fh, then %s", s.Reason, since.Hours(), cmd)
	}
	return cmd
}

// storms finds those of the last day, one for each channel and reason.
func (m *model) storms(ctx context.Context, now time.Time) ([]storm, error) {
	w := sightOf(ctx).persons("user_id")
	rows, err := m.db.QueryContext(ctx, `SELECT at, user_id, json_extract(body, '$.fact'), json_extract(body, '$.channel'), coalesce(json_extract(body, '$.reason'), '')
		FROM facts WHERE at >= ? AND json_extract(body, '$.fact') IN (?, ?) AND `+w.String()+` ORDER BY at`, append([]any{now.Add(-stormSince).UnixMicro(), event.FactFailed, event.FactSent}, w.args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	type failure struct {
		at   time.Time
		user string
	}
	type kind struct{ channel, reason string }
	failed, sent := map[kind][]failure{}, map[string][]time.Time{}
	var order []kind
	for rows.Next() {
		var at int64
		var user, fact, channel, reason string
		if err := rows.Scan(&at, &user, &fact, &channel, &reason); err != nil {
			return nil, err
		}
		k := kind{channel, reason}
		switch {
		case fact == event.FactSent:
			sent[channel] = append(sent[channel], time.UnixMicro(at))
		case reason == "suppressed" || reason == "not_allowed": // no provider was asked
		default:
			if failed[k] == nil {
				order = append(order, k)
			}
			failed[k] = append(failed[k], failure{time.UnixMicro(at), user})
		}
	}
	var out []storm
	for _, k := range order {
		best, from := storm{}, 0
		in := map[string]int{}
		for _, f := range failed[k] {
			in[f.user]++
			for first := failed[k][from]; f.at.Sub(first.at) > stormWithin; first = failed[k][from] {
				if in[first.user]--; in[first.user] == 0 {
					delete(in, first.user)
				}
				from++
			}
			if len(in) > best.Users {
				best = storm{k.channel, k.reason, len(in), failed[k][from].at, f.at}
			}
		}
		between := 0
		for _, at := range sent[k.channel] {
			if !at.Before(best.From) && !at.After(best.To) {
				between++
			}
		}
		if best.Users >= stormLeast && between < best.Users {
			out = append(out, best)
		}
	}
	return out, rows.Err()
}
