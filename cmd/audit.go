package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"

	"usher/console/trail"
	"usher/event"
	"usher/streams"
)

type auditCmd struct {
	Verify auditVerify `cmd:"" help:"Look whether the trail of who did what is whole; exit code 1 when it is not."`
	Export auditExport `cmd:"" help:"Print the trail as JSON Lines."`
}

type auditVerify struct {
	where `embed:""`
	Head  []string `help:"A head that was kept elsewhere, as logs and this command print it; must still be in the trail. Repeatable." placeholder:"N:HASH"`
	JSON  bool     `name:"json" help:"Print the verdict as one JSON object."`
}

// Run executes `usher audit verify`.
func (a auditVerify) Run(s *session) error {
	var v trail.Verifier
	for _, text := range a.Head {
		h, err := trail.ParseHead(text)
		if err != nil {
			return usageError("--head: " + err.Error())
		}
		v.Heads = append(v.Heads, h)
	}
	c, err := a.dial(s.ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	err = streams.Read(s.ctx, c.JetStream, event.StreamAudit, streams.Selection{}, func(m streams.Message, _ uint64) error {
		v.Next(trail.Message{Seq: m.Seq, Subject: m.Subject, Data: m.Data})
		return nil
	})
	if err != nil {
		return c.Denied("the trail", err)
	}
	verdict := v.End()
	if a.JSON {
		err = json.NewEncoder(s.stdout).Encode(verdict)
	} else {
		err = tellVerdict(s, verdict)
	}
	if err == nil && verdict.Faulty > 0 {
		err = errUnhealthy
	}
	return err
}

func tellVerdict(s *session, v trail.Verdict) error {
	var b bytes.Buffer
	for _, f := range v.Faults {
		fmt.Fprintf(&b, "%d: %s\n", f.Seq, f.Says)
	}
	if more := v.Faulty - len(v.Faults); more > 0 {
		fmt.Fprintf(&b, "and %d faults more\n", more)
	}
	switch {
	case v.Entries == 0:
		b.WriteString("the trail is empty\n")
	default:
		fmt.Fprintf(&b, "%d entries, from %d on, which is the oldest that is kept (%s)\n", v.Entries, v.Anchor.Seq, v.Anchor)
		if v.Early > 0 {
			fmt.Fprintf(&b, "%d of them are of an earlier version, from before the chain began\n", v.Early)
		}
		if v.Missed > 0 {
			fmt.Fprintf(&b, "%d could not be stored when they were made; the logs of the consoles say what\n", v.Missed)
		}
		fmt.Fprintf(&b, "head %s\n", v.Last)
	}
	if v.Faulty > 0 {
		fmt.Fprintf(&b, "the trail is NOT whole: %d faults\n", v.Faulty)
	} else {
		b.WriteString("the trail is whole\n")
	}
	_, err := s.stdout.Write(b.Bytes())
	return err
}

type auditExport struct {
	where `embed:""`
	Since string `help:"Only what was stored within this time, such as 24h or 30d, or since a day, as YYYY-MM-DD in UTC." placeholder:"TIME"`
}

// Run executes `usher audit export`. A line is an entry as it is stored, so that its hash
// can be made anew from it.
func (a auditExport) Run(s *session) error {
	var sel streams.Selection
	if a.Since != "" {
		since, err := sinceOf(a.Since)
		if err != nil {
			return err
		}
		sel.Since = since
	}
	c, err := a.dial(s.ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	err = streams.Read(s.ctx, c.JetStream, event.StreamAudit, sel, func(m streams.Message, _ uint64) error {
		_, err := fmt.Fprintf(s.stdout, "%s\n", bytes.ReplaceAll(m.Data, []byte("\n"), []byte(" ")))
		return err
	})
	return c.Denied("the trail", err)
}
