package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"time"

	"usher/event"
	"usher/metrics"
	"usher/notify"
	"usher/streams"
)

// Receipts is how providers tell what became of messages that they took. Nothing
// listens unless it is told where.
type Receipts struct {
	ReceiptsHTTPAddr   string `name:"receipts-http-addr" help:"Where services of text messages report what became of them." placeholder:"ADDR"`
	ReceiptsURL        string `name:"receipts-url" help:"Address under which they reach it, without a path, as Twilio signs it; default http://ADDR." placeholder:"URL"`
	ReceiptsSecret     string `help:"Secret that signs reports of services other than Twilio." placeholder:"SECRET"`
	ReceiptsSecretFile string `help:"File with that secret." type:"path" placeholder:"FILE"`
	ReceiptsSMTPAddr   string `name:"receipts-smtp-addr" help:"Where bounces of e-mail are taken; needs --return-path." placeholder:"ADDR"`
	ReturnPath         string `help:"Address to which bounces go, such as bounces@example.org: each message gets a tag behind a + of its own." placeholder:"ADDRESS"`
}

// enabled tells whether receipts may come, to this process or to another worker.
func (r Receipts) enabled() bool {
	return r.ReceiptsHTTPAddr != "" || r.ReceiptsURL != "" || r.ReceiptsSMTPAddr != "" || r.ReturnPath != ""
}

func (r Receipts) validate() error {
	if r.ReceiptsSMTPAddr != "" && r.ReturnPath == "" {
		return errors.New("--receipts-smtp-addr: say with --return-path to which address bounces go")
	}
	if r.ReturnPath == "" {
		return nil
	}
	a, err := mail.ParseAddress(r.ReturnPath)
	if err != nil || a.Address != r.ReturnPath || strings.Contains(r.ReturnPath, "+") || strings.IndexByte(r.ReturnPath, '@') > 12 {
		return errors.New("--return-path: an address such as bounces@example.org is needed, with at most 12 letters before the @ and no +")
	}
	return nil
}

// openDelivery opens what lies beside the ledger, and makes what takes receipts
// when some may come.
func (p *process) openDelivery(ctx context.Context, m *metrics.Worker) (list *streams.Delivery, receipts *notify.Receipts, err error) {
	err = p.bucket(ctx, event.BucketDelivery, func(ctx context.Context) (err error) {
		list, err = streams.NewDelivery(ctx, p.js)
		return err
	})
	if err != nil || !p.Receipts.enabled() {
		return list, nil, err
	}
	receipts, err = whole(&notify.Receipts{Ledger: ledgers{p.people, p.reports}, References: list, Suppressions: list, Facts: p.pub, Metrics: m, Log: p.Log})
	return list, receipts, err
}

// receiptParts listen for receipts, where the settings say so.
func (p *process) receiptParts(r *notify.Receipts) (parts []part, err error) {
	if p.ReceiptsHTTPAddr != "" {
		l, err := p.Network.listen("--receipts-http-addr", p.ReceiptsHTTPAddr)
		if err != nil {
			return nil, err
		}
		p.addr.ReceiptsHTTP = l.Addr().String()
		h := notify.HTTPReceipts{Receipts: r, URL: p.ReceiptsURL, Seals: p.key}
		if h.URL == "" {
			h.URL = "http://" + p.addr.ReceiptsHTTP
		}
		if h.TwilioTokens, h.Secrets, err = p.receiptTokens(); err != nil {
			return nil, errors.Join(err, l.Close())
		}
		parts = append(parts, serving("receipts-http", l, h.Serve))
	}
	if p.ReceiptsSMTPAddr != "" {
		l, err := p.Network.listen("--receipts-smtp-addr", p.ReceiptsSMTPAddr)
		if err != nil {
			return nil, err
		}
		p.addr.ReceiptsSMTP = l.Addr().String()
		parts = append(parts, serving("receipts-smtp", l, notify.SMTPReceipts{Receipts: r, Address: p.ReturnPath, Seals: p.key}.Serve))
	}
	return parts, nil
}

// receiptTokens are what may have signed receipts, by the flags and by the file of
// providers.
func (p *process) receiptTokens() (twilio, others []string, err error) {
	if p.Providers != "" {
		file, err := notify.LoadProviders(p.Providers)
		if err == nil {
			twilio, others, err = file.ReceiptTokens()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("--providers: %w", err)
		}
	}
	token, err := secret("sms-token", p.SMSToken, p.SMSTokenFile)
	if err != nil {
		return nil, nil, err
	}
	own, err := secret("receipts-secret", p.ReceiptsSecret, p.ReceiptsSecretFile)
	return append(twilio, token, own), append(others, own), err
}

func serving(name string, l net.Listener, serve func(context.Context, net.Listener) error) part {
	return part{name, func(ctx context.Context) error { return serve(ctx, l) }, 2 * time.Second}
}
