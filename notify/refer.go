package notify

import (
	"context"
	"strings"
	"time"

	"usher/event"
)

// refer prepares the message for its receipts: an e-mail gets an address of its own for
// its bounce, which leads back to it. That is done before it is handed over, because a
// bounce also tells what became of a message without an answer.
func (d *delivery) refer(ctx context.Context) error {
	m := &d.message
	switch {
	case d.Receipts == nil || d.Canary:
		return nil
	case d.Channel == event.ChannelSMS:
		return d.referByRef(ctx)
	case d.ReturnPath == "":
		return nil
	}
	m.from = returnPath(d.ReturnPath, m.ref(), d.Keys)
	return d.Receipts.References.Refer(ctx, m.ref(), d.reference(m.to))
}

// referByRef prepares a text message for a service that reports at an address of the
// message's own.
func (d *delivery) referByRef(ctx context.Context) error {
	if d.ReceiptsURL == "" {
		return nil
	}
	m := &d.message
	m.receipts = strings.TrimSuffix(d.ReceiptsURL, "/")
	for _, p := range d.channels[d.Channel] {
		if t, ok := p.transport.(*httpTransport); ok && t.byRef {
			m.reportAt = receiptURL(d.ReceiptsURL, m.ref(), d.Keys)
			return d.Receipts.References.Refer(ctx, m.ref(), d.reference(m.to))
		}
	}
	return nil
}

// referTaken makes a text message findable by the id that its provider gave it,
// and applies what came before. It is not worth failing a message that is taken:
// its receipts are kept as unmatched.
func (d *delivery) referTaken(ctx context.Context) {
	id := d.entry.ProviderID
	if d.Receipts == nil || id == "" || d.Channel != event.ChannelSMS || d.Canary {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := d.Receipts.refer(ctx, id, d.reference(d.Phone)); err != nil {
		d.Log.Warn("receipts of a message will not find it", "channel", d.Channel, "provider", d.entry.Provider, "error", err)
	}
}

func (d *delivery) reference(to string) event.Reference {
	return event.Reference{UserID: d.UserID, Key: d.key(), Channel: d.Channel, Address: d.Keys.Address(d.Channel, to)}
}
