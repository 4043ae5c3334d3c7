package ingest

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"usher/event"
	"usher/table"
)

// encoded is one row on its way to the stream; a refused one has no body.
type encoded struct {
	end        table.Position // behind the record
	id, userID string
	body       []byte
}

// encoder writes the bodies of events. It is for one goroutine.
type encoder struct {
	rules  *rules
	key    event.Key
	at     time.Time // of the import
	digest string
	from   event.Import
	arena  []byte // the bodies of many records, so that they are few allocations
}

// arenaSize is how many bytes of bodies are allocated at once.
const arenaSize = 64 << 10

func (e *encoder) encode(u user, rw table.Row) encoded {
	if u.id == "" {
		u.id = e.key.UserID(u.email, u.phone)
	}
	if cap(e.arena)-len(e.arena) < arenaSize/16 {
		e.arena = make([]byte, 0, arenaSize)
	}
	from := e.from
	from.Record, from.Line = rw.Number, rw.Line
	begin := len(e.arena)
	e.arena = appendUser(e.arena, u, from)
	body := e.arena[begin:len(e.arena):len(e.arena)]
	return encoded{rw.End, event.RecordID(e.at, e.digest, rw.Number), u.id, body}
}

// appendUser writes what json.Marshal makes of an event.User, three times as fast
// and without allocating.
func appendUser(b []byte, u user, from event.Import) []byte {
	b = append(b, `{"user_id":`...)
	b = appendString(b, u.id)
	for _, f := range [...]struct{ key, value string }{
		{`,"name":`, u.name}, {`,"given_name":`, u.given}, {`,"family_name":`, u.family},
		{`,"email":`, u.email}, {`,"phone":`, u.phone}, {`,"locale":`, u.locale},
	} {
		if f.value != "" {
			b = append(b, f.key...)
			b = appendString(b, f.value)
		}
	}
	for i, a := range u.attrs {
		if i == 0 {
			b = append(b, `,"attributes":{`...)
		} else {
			b = append(b, ',')
		}
		b = appendString(b, a.Name)
		b = append(b, ':')
		b = appendString(b, a.Value)
	}
	if len(u.attrs) > 0 {
		b = append(b, '}')
	}
	b = append(b, `,"import":{"id":`...)
	b = appendString(b, from.ID)
	b = append(b, `,"file":`...)
	b = appendString(b, from.File)
	b = append(b, `,"record":`...)
	b = strconv.AppendInt(b, int64(from.Record), 10)
	b = append(b, `,"line":`...)
	b = strconv.AppendInt(b, int64(from.Line), 10)
	if from.UploadedBy != "" {
		b = append(b, `,"uploaded_by":`...)
		b = appendString(b, from.UploadedBy)
	}
	return append(b, '}', '}')
}

// appendString writes a JSON string. What is not UTF-8 becomes U+FFFD, as in
// encoding/json.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			b = append(append(b, s[from:i]...), `\ufffd`...)
		} else if b = append(b, s[from:i]...); c == '"' || c == '\\' {
			b = append(b, '\\', c)
		} else {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

// headers make the headers of one file's events. Values that all of them have
// are shared.
type headers struct {
	subject string
	shared  nats.Header
	traced  string   // the trace of value
	value   []string // as a header
}

func newHeaders(source string, claimed time.Time) *headers {
	env := event.Envelope{Type: event.TypeImported, Source: "/usher/" + source, Time: claimed}
	return &headers{subject: event.ImportedSubject(source), shared: env.Header()}
}

func (h *headers) message(e encoded, trace string) *nats.Msg {
	if trace != h.traced || h.value == nil {
		h.traced, h.value = trace, []string{trace}
	}
	values := [...]string{e.id, e.userID}
	header := make(nats.Header, len(h.shared)+6)
	for k, v := range h.shared {
		header[k] = v
	}
	header["ce-id"], header["ce-subject"] = values[0:1:1], values[1:2:2]
	if trace != "" {
		header[event.HeaderTraceParent] = h.value
	}
	return &nats.Msg{Subject: h.subject, Header: header, Data: e.body}
}
