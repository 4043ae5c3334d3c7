package event

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Stage is a part of the pipeline that operators may pause.
type Stage string

// The stages.
const (
	StageIntake   Stage = "intake"   // files are taken, and become events
	StageBridge   Stage = "bridge"   // events are taken, and become workflows and signals
	StageDelivery Stage = "delivery" // messages are handed to providers
)

// Stages are all that may be paused, in the order of the flow.
func Stages() []Stage { return []Stage{StageIntake, StageBridge, StageDelivery} }

// Pause is the last word of operators about a stage, as KV CONTROL keeps it.
type Pause struct {
	Paused bool   `json:"paused"` // else the stage was resumed
	Actor  string `json:"actor"`
	Reason string `json:"reason,omitempty"` // free text

	// For is how long the pause holds, counted from when JetStream stored it; 0:
	// until the stage is resumed.
	For time.Duration `json:"-"`

	At time.Time `json:"-"` // when JetStream stored it
}

// LongestPause is the most that Pause.For may say.
const LongestPause = 30 * 24 * time.Hour

// pauseJSON is a Pause with its time in seconds.
type pauseJSON struct {
	plainPause
	Seconds float64 `json:"for_seconds,omitempty"`
}

type plainPause Pause

// MarshalJSON implements json.Marshaler.
func (p Pause) MarshalJSON() ([]byte, error) {
	return json.Marshal(pauseJSON{plainPause(p), p.For.Seconds()})
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Pause) UnmarshalJSON(b []byte) error {
	var j pauseJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*p = Pause(j.plainPause)
	p.For = time.Duration(min(max(j.Seconds, 0), LongestPause.Seconds()) * float64(time.Second))
	return nil
}

// Until is when the pause ends by itself; zero when it does not.
func (p Pause) Until() time.Time {
	if !p.Paused || p.For <= 0 {
		return time.Time{}
	}
	return p.At.Add(p.For)
}

// Holds tells whether the stage is paused at that time.
func (p Pause) Holds(now time.Time) bool {
	return p.Paused && (p.For <= 0 || now.Before(p.Until()))
}

// String says since when the stage is paused, and until when. It names no person.
func (p Pause) String() string {
	s := "paused by an operator since " + p.At.UTC().Format(time.RFC3339)
	if end := p.Until(); !end.IsZero() {
		s += ", until " + end.UTC().Format(time.RFC3339)
	}
	return s
}

// Switch tells a stage what operators last said about it, and gives a channel that is
// closed when that changes, or when the pause ends by itself. It reads memory only.
// A nil Switch is of a stage that is never paused.
type Switch func() (p Pause, changed <-chan struct{})

// Paused tells whether the stage is paused now.
func (s Switch) Paused() (Pause, bool) {
	if s == nil {
		return Pause{}, false
	}
	p, _ := s()
	return p, p.Holds(time.Now())
}

// Changed is closed at the next change; nil when there is none.
func (s Switch) Changed() <-chan struct{} {
	if s == nil {
		return nil
	}
	_, changed := s()
	return changed
}

// Wait returns once the stage is not paused, and false when ctx ended before.
func (s Switch) Wait(ctx context.Context) bool {
	for s != nil {
		p, changed := s()
		if !p.Holds(time.Now()) {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// PausedStage is a stage that operators have paused; as an error, that something waits
// for that reason.
type PausedStage struct {
	Stage Stage
	Pause
}

// Error names no person.
func (p PausedStage) Error() string { return fmt.Sprintf("%s is %s", p.Stage, p.Pause) }

// PausedStages are those that are paused at that time, of what was said of each, in
// the order of the flow.
func PausedStages(said map[Stage]Pause, now time.Time) (out []PausedStage) {
	for _, stage := range Stages() {
		if p := said[stage]; p.Holds(now) {
			out = append(out, PausedStage{stage, p})
		}
	}
	return out
}
