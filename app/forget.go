package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"usher/event"
	"usher/streams"
)

// Forgetting removes one person's data from everywhere usher put it, and leaves a
// record without any, so that a later list does not welcome the person anew.
// What it does may be done again after a failure: the rest is removed then.
type Forgetting struct {
	*Client
	Data string // the folder of a running `usher up`, for its files and catcher

	// Temporal of others; "" takes that of the running `usher up`, or else the
	// server's own conventions.
	TemporalAddress, TemporalNamespace string

	DryRun bool
}

// Forgotten is what was removed, and what is left to a person.
type Forgotten struct {
	Messages map[string]int `json:"messages"` // by stream
	Entries  int            `json:"entries"`  // of KV DELIVERY: what receipts refer to
	Runs     int            `json:"runs"`     // of workflows

	Files    []NamingFile   `json:"files"`              // archived and refused ones
	Mentions map[string]int `json:"mentions,omitempty"` // messages by stream that are about others and mention the person
	Others   []string       `json:"others,omitempty"`   // user ids with the same address and a record of their own
	Nameless bool           `json:"nameless,omitempty"` // the record is no longer kept, so what has only an address was not found
}

// ErrNotOver is wrapped for a person whose onboarding is not over.
var ErrNotOver = errors.New("the onboarding is not over")

// Run forgets a person.
func (f Forgetting) Run(ctx context.Context, userID string) (Forgotten, error) {
	out := Forgotten{Messages: map[string]int{}}
	p, known, err := f.People.Get(ctx, userID)
	if err != nil {
		return out, err
	}
	if known && !p.Status.Final() {
		return out, fmt.Errorf("%w, it is %s: withdraw the user first, which also undoes the account", ErrNotOver, p.Status)
	}
	if known && p.Order != nil {
		return out, fmt.Errorf("%w: an order is being carried out; try again when it was", ErrNotOver)
	}
	eraser := streams.NewEraser(f.JetStream)
	traces, err := eraser.Find(ctx, userID, func(ctx context.Context, id string) (bool, error) {
		_, known, err := f.People.Get(ctx, id)
		return known, err
	})
	if err != nil {
		return out, err
	}
	for stream, seqs := range traces.Seqs {
		out.Messages[stream] = len(seqs)
	}
	out.Entries, out.Mentions, out.Others, out.Nameless = len(traces.Keys), traces.Mentions, traces.Others, len(traces.Seqs[event.StreamUsers]) == 0
	if !known && len(traces.Seqs) == 0 {
		return out, fmt.Errorf("%q is nobody that usher knows", userID)
	}
	if out.Files, err = f.files(ctx, &traces.Marks); err != nil {
		return out, err
	}
	temporal, namespace, err := f.temporal()
	if err != nil {
		return out, err
	}
	defer temporal.Close()
	runs := map[string][]string{}
	for _, id := range traces.IDs {
		if runs[id], err = f.runs(ctx, temporal, id); err != nil {
			return out, err
		}
		out.Runs += len(runs[id])
	}
	if f.DryRun {
		return out, nil
	}
	for _, id := range traces.IDs {
		if err := f.deleteRuns(ctx, temporal, namespace, id, runs[id]); err != nil {
			return out, err
		}
	}
	if err := f.clearCatcher(ctx, slices.Concat(traces.Emails, traces.Phones)); err != nil {
		return out, err
	}
	if err := eraser.Erase(ctx, traces); err != nil {
		return out, err
	}
	if known {
		_, err := f.People.Update(ctx, userID, (*event.Person).Forget)
		if err != nil {
			return out, err
		}
	}
	for _, id := range traces.IDs { // every console forgets when it reads this
		fact := event.Fact{Kind: event.FactForgotten, UserID: id, Generation: p.Generation, At: time.Now().UTC(), Inbox: p.Source, EventID: event.NewID(), EventSource: event.SourceCLI}
		if _, err := f.Publisher.Fact(ctx, fact); err != nil {
			return out, err
		}
	}
	return out, f.truncateLogs(ctx)
}

// temporal connects to where the workflows are, and says in which namespace. It
// reads no payload, so it needs no key.
func (f Forgetting) temporal() (c client.Client, namespace string, err error) {
	address := f.TemporalAddress
	if address == "" {
		if a, err := FindRunning(f.Data); err == nil {
			address = a.Temporal
		}
	}
	o, err := temporalOptions(address, f.TemporalNamespace, f.TemporalAddress != "" || address == "")
	if err != nil {
		return nil, "", err
	}
	o.Logger = silent{}
	c, err = client.NewLazyClient(o)
	return c, o.Namespace, err
}

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// runs are the runs of a user's workflow that Temporal still keeps.
func (f Forgetting) runs(ctx context.Context, c client.Client, userID string) ([]string, error) {
	id := event.WorkflowID(userID)
	var runs []string
	var page []byte
	for {
		r, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: "WorkflowId = '" + id + "'", NextPageToken: page})
		if err != nil {
			return nil, fmt.Errorf("the Temporal server cannot be asked: %w", err)
		}
		for _, e := range r.GetExecutions() {
			runs = append(runs, e.GetExecution().GetRunId())
		}
		if page = r.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	d, err := c.DescribeWorkflowExecution(ctx, id, "") // the list may lag behind
	var gone *serviceerror.NotFound
	switch {
	case errors.As(err, &gone):
	case err != nil:
		return nil, fmt.Errorf("the Temporal server cannot be asked: %w", err)
	case !slices.Contains(runs, d.GetWorkflowExecutionInfo().GetExecution().GetRunId()):
		runs = append(runs, d.GetWorkflowExecutionInfo().GetExecution().GetRunId())
	}
	return runs, nil
}

// deleteRuns deletes histories, and returns when Temporal has none any more.
func (f Forgetting) deleteRuns(ctx context.Context, c client.Client, namespace, userID string, runs []string) error {
	var gone *serviceerror.NotFound
	for _, run := range runs {
		_, err := c.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
			Namespace: namespace, WorkflowExecution: &common.WorkflowExecution{WorkflowId: event.WorkflowID(userID), RunId: run},
		})
		if err != nil && !errors.As(err, &gone) {
			return fmt.Errorf("delete the workflow's history: %w", err)
		}
	}
	for {
		left, err := f.runs(ctx, c, userID)
		if err != nil || len(left) == 0 {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d runs are still kept in Temporal, run this again later: %w", len(left), ctx.Err())
		}
	}
}

// clearCatcher deletes what the catcher of a running `usher up` took for the person.
func (f Forgetting) clearCatcher(ctx context.Context, names []string) error {
	a, err := FindRunning(f.Data)
	if err != nil || a.CatcherHTTP == "" {
		return nil
	}
	for _, name := range names {
		req, err := http.NewRequestWithContext(ctx, http.MethodDelete, "http://"+a.CatcherHTTP+"/api/v1/search?query="+url.QueryEscape(`to:"`+name+`"`), nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("the catcher cannot be asked: %w", err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the catcher answers %s", resp.Status)
		}
	}
	return nil
}

// truncateLogs empties the write-ahead logs of the SQLite files, where deleted
// pages may still stand.
func (f Forgetting) truncateLogs(ctx context.Context) error {
	if _, err := FindRunning(f.Data); err != nil {
		return nil
	}
	for _, name := range []string{"console.db", "catcher/catcher.db", "temporal/state.db", "temporal/visibility.db"} {
		path := filepath.Join(f.Data, name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if err := truncateLog(ctx, path); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func truncateLog(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		var busy, pages, moved int
		if err := db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
			return err
		}
		if busy == 0 {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("its write-ahead log is always in use; run this again later")
		}
	}
}
