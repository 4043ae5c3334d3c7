package bridge

import (
	"testing"

	"usher/event"
	"usher/streams/natstest"
)

// An event without an id is known by its place in its stream, also after the stream
// was restored and all of it is delivered again. A regression of issue 14.
func TestAnEventWithoutAnIDIsTheSameAfterARestore(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	r.user("", "u-1")
	r.waitOutcomes(map[string]float64{"USERS started": 1})
	r.approve("", "u-1")
	r.waitOutcomes(map[string]float64{"USERS started": 1, "VERIFICATIONS signalled": 1})
	stop()
	effects, facts := r.runs.effects, len(r.facts())

	natstest.Restore(t, r.js, event.StreamUsers, event.StreamVerifications, "KV_"+event.BucketPeople)
	for stream, consumer := range map[string]string{event.StreamUsers: event.ConsumerUsers, event.StreamVerifications: event.ConsumerVerifications} {
		if err := r.js.DeleteConsumer(t.Context(), stream, consumer); err != nil { // as a rebuild does
			t.Fatal(err)
		}
	}
	r.run()
	r.waitOutcomes(map[string]float64{"USERS started": 1, "VERIFICATIONS signalled": 1})
	if r.runs.effects != effects || len(r.facts()) != facts {
		t.Errorf("%d effects and %d facts, before the restore it were %d and %d", r.runs.effects, len(r.facts()), effects, facts)
	}
}
