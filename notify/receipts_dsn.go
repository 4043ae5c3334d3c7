package notify

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"

	"usher/event"
)

// bounce is what a delivery status notification says of its one recipient.
type bounce struct {
	state  event.SendState // delivered, bounced, or "" when nothing is final
	status string          // enhanced status code
}

var errNoReport = errors.New("no delivery status notification")

// Bounds of a report: parts to look at, and bytes and recipients of the part
// that counts.
const (
	maxParts  = 10
	maxStatus = 64 << 10
	maxBlocks = 20
)

var enhancedStatus = regexp.MustCompile(`^[245]\.[0-9]{1,3}\.[0-9]{1,3}$`)

// parseBounce reads a report of RFC 3464 (or RFC 6533). A message that is none,
// such as a note of absence, has no state; one that pretends to be a report and
// cannot be read is an error.
func parseBounce(r io.Reader) (bounce, error) {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return bounce{}, errNoReport
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || !strings.EqualFold(params["report-type"], "delivery-status") && params["report-type"] != "global-delivery-status" {
		return bounce{}, nil
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for range maxParts {
		p, err := parts.NextRawPart()
		if err != nil {
			return bounce{}, fmt.Errorf("%w: its status part is missing", errNoReport)
		}
		t, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if t == "message/delivery-status" || t == "message/global-delivery-status" {
			return parseStatus(io.LimitReader(p, maxStatus))
		}
	}
	return bounce{}, fmt.Errorf("%w: it has too many parts", errNoReport)
}

// parseStatus reads the fields: a block about the message, then one for each
// recipient. usher writes to one, so the worst counts.
func parseStatus(r io.Reader) (bounce, error) {
	in := textproto.NewReader(bufio.NewReader(r))
	var worst bounce
	for n := range maxBlocks {
		h, err := in.ReadMIMEHeader()
		if len(h) == 0 && errors.Is(err, io.EOF) {
			if n < 2 {
				return bounce{}, fmt.Errorf("%w: it names no recipient", errNoReport)
			}
			return worst, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return bounce{}, fmt.Errorf("%w: its fields cannot be read", errNoReport)
		}
		status, _, _ := strings.Cut(strings.TrimSpace(h.Get("Status")), " ")
		if !enhancedStatus.MatchString(status) {
			status = ""
		}
		switch strings.ToLower(strings.TrimSpace(h.Get("Action"))) {
		case "failed":
			worst = bounce{event.SendBounced, status}
		case "delivered":
			if worst.state == "" {
				worst = bounce{event.SendDelivered, status}
			}
		}
	}
	return worst, nil
}
