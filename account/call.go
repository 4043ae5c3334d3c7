package account

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"usher/tracing"
)

// Width is how many requests to one target are under way at once; more wait.
const Width = 16

// mostAnswer bounds what is read of an answer.
const mostAnswer = 1 << 20

// caller makes requests.
type caller struct {
	client *http.Client
	slots  chan struct{}
	limit  time.Duration
}

func newCaller(limit time.Duration) caller {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = Width
	return caller{
		slots: make(chan struct{}, Width), limit: limit,
		client: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a token or a person's data goes where it was told to, and nowhere else
		}},
	}
}

// answer is what came back, whatever its status.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// call makes one request. An error means that there is no whole answer; the
// request may have been carried out.
func (c caller) call(ctx context.Context, method, url string, header http.Header, body []byte) (answer, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return answer{}, unanswered(ctx, ctx.Err())
	}
	try, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	req, err := http.NewRequestWithContext(try, method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, misconfigured("the request to the account service cannot be made")
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", "usher")
	if t := tracing.Context(ctx); t != "" {
		req.Header.Set("Traceparent", t)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return answer{}, unanswered(ctx, err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1)); err != nil {
		return answer{}, unanswered(ctx, err)
	}
	if len(a.body) > mostAnswer {
		return answer{}, misconfigured("the answer of the account service is larger than 1 MiB: check --account-url")
	}
	return a, nil
}

// encode is for bodies made of strings, which cannot fail.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(errors.Join(errors.New("account: a body cannot be encoded"), err))
	}
	return b
}
