package console

import (
	"testing"

	"github.com/nats-io/nats.go"

	"usher/event"
)

// What looks like a word of the server is a message all the same: the read model
// goes past it. A regression of issue 14.
func TestAMessageThatLooksLikeAWordOfTheServerIsReadPast(t *testing.T) {
	for _, status := range []string{"100", "404", "408", "409", "503"} {
		t.Run(status, func(t *testing.T) {
			r := newRig(t)
			m := nats.NewMsg(event.VerificationSubject("crm", event.VerbApproved))
			m.Header.Set("Status", status)
			m.Header.Set("Description", "Consumer Deleted")
			if _, err := r.js.PublishMsg(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			r.publish(event.VerificationSubject("crm", event.VerbApproved), event.VerificationBody{UserID: "u-1"})
			r.run()
			r.eventually("both are read", func() bool {
				_, seq, err := r.console.model.position(t.Context(), event.StreamVerifications)
				return err == nil && seq == 2
			})
		})
	}
}
