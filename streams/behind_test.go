package streams

import (
	"encoding/json"
	"testing"

	"usher/event"
	"usher/streams/natstest"
)

// A bridge that believed such a copy opened a reopened user without the record, who
// then waited in vain, and made a dead letter of an order to send again.
func TestARecordIsNotGoneBecauseACopyIsBehind(t *testing.T) {
	js, _ := natstest.Start(t)
	if err := Ensure(t.Context(), js, Options{MaxBytes: 32 << 20}); err != nil {
		t.Fatal(err)
	}
	want := event.User{UserID: "u-1", Email: "u1@example.org", Import: event.Import{ID: "i", File: "f", Record: 1, Line: 2}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := js.Publish(t.Context(), event.ImportedSubject(event.SourceInbox), data)
	if err != nil {
		t.Fatal(err)
	}
	records := NewRecords(natstest.Behind{JetStream: js})
	if u, ok, err := records.Record(t.Context(), ack.Sequence, "u-1"); err != nil || !ok || !u.SameData(want) {
		t.Errorf("the record is there: %v, %v, %+v", ok, err, u)
	}
	if _, ok, err := records.Record(t.Context(), ack.Sequence+1, "u-1"); ok || err != nil {
		t.Errorf("a record that is in no copy: %v, %v", ok, err)
	}
}
