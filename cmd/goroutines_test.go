package cmd

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unguarded are the goroutines and callbacks that may go without a guard, by package
// and first line, each with the reason. A panic in any other would end the process.
var unguarded = map[string]string{
	"app/embedded: go func() { defer close(u.done) _ = u.server.Start() }()":     "ends with its server, which ends the process itself on what it does not expect",
	"app/embedded: go func() { done <- t.server.Stop() }()":                      "ends with its server, which ends the process itself on what it does not expect",
	"app: wg.Go(func() { p.ask(ctx) })":                                          "the probe has a guard, and nothing else in it can fail",
	"bridge: go func() { c.workers.Wait(); close(done) }()":                      "waits and closes a channel",
	"catcher: both.Go(func() { defer stop(); mail = serve.Until(ctx, k.gua":      "serve.Until guards what it starts",
	"catcher: both.Go(func() { defer stop(); web = serve.Until(ctx, k.guar":      "serve.Until guards what it starts",
	"cmd: go func() { stopped <- app.Run(ctx, c, app.Env{Embed: s.Embe":          "the demo, which ends with the process that it shows",
	"console: working.Go(func() { b.work(ctx, h) })":                             "guards what it does",
	"console: go func() { done <- f.run(inner) }()":                              "guards each of its rounds",
	"console: go func() { done <- k.followIssuer(inner) }()":                     "guards each of its rounds",
	"console: go func() { done <- k.followSignins(inner) }()":                    "guards each of its rounds",
	"console: go func() { done <- k.keepAudit(recording) }()":                    "guards each of its rounds",
	"console: go func() { done <- k.measure(inner) }()":                          "guards each of its rounds",
	"console: go func() { done <- k.runBulks(inner) }()":                         "guards each of its rounds",
	"console: go func() { done <- k.tellPages(inner) }()":                        "guards each of its rounds",
	"doctor: go func() { began := time.Now() ctx, cancel := context.WithT":       "waits and hands over",
	"doctor: go func() { ended <- event.Protect(\"polling\", func() error {":     "protected, and the error goes to who waits",
	"doctor: go func() { s := seen{Look: Look{Name: l.name}} err := event":       "protected, and the error is a line of the report",
	"doctor: go func() { select { case <-gate: cancel(errDenied) case <-d":       "waits and cancels a context",
	"doctor: wg.Go(func() { out[i] = a.tried(ctx, m) })":                         "a command, which ends with it",
	"doctor: wg.Go(func() { out[i] = t.server(ctx, addr) })":                     "a command, which ends with it",
	"forget: go func() { defer close(ended) w.CloseWithError(flatten(r, w":       "a command, which ends with it",
	"ingest/inbox: events.Go(func() { w.follow(watching, f, h) })":               "guards each of its rounds",
	"ingest/inbox: imports.Go(func() { q.drain() stop() beats.Wait() _ = errors": "waits for the others and closes",
	"ingest/inbox: q.wg.Go(func() { q.run(c.id) q.mu.Lock() defer q.mu.Unlock()": "imports guard themselves, and the rest counts",
	"ingest: go func() { defer close(batches) read <- event.Protect(\"the ":      "protected, and the error goes to who tells the guard",
	"ingest: wg.Go(func() { defer close(order) defer close(jobs) for { ro":       "protected where it reads; the rest hands over",
	"ingest: wg.Go(func() { for event.Sleep(ctx, 200*time.Millisecond) { ":       "a command, which ends with it",
	"ingest: wg.Go(func() { inbox.Watch(ctx, w.inbox(in)) })":                    "guards each of its rounds",
	"ingest: wg.Go(func() { work := newWork() for c := range jobs { var r":       "protected where it works; the rest hands over",
	"notify: context.AfterFunc(ctx, c.abort)":                                    "closes a connection",
	"notify: context.AfterFunc(ctx, cancel)":                                     "cancels a context",
	"notify: context.AfterFunc(ctx, func() { _ = network.Close() })":             "closes a connection",
	"notify: context.AfterFunc(ctx, func() { end.Reset(grace) })":                "sets a timer",
	"notify: context.AfterFunc(ctx, func() { keep.Reset(keepAtStop) })":          "sets a timer",
	"notify: time.AfterFunc(limit, func() { if !over.Load() { giveUp() } ":       "closes a connection or cancels a context",
	"notify: time.AfterFunc(quitTimeout, c.abort)":                               "closes a connection",
	"workflows: both.Go(notify.Stop)":                                            "the SDK stops its worker",
	"workflows: both.Go(onboard.Stop)":                                           "the SDK stops its worker",
	"workflows: context.AfterFunc(ctx, func() { if temporal.IsCanceledError(":    "looks at an error and cancels a context",
	"workflows: go func() { select { case <-stopping: cancel() case <-out.Do":    "waits and cancels a context",
}

// A goroutine that usher starts, and a timer that calls usher back, stop their panics
// and tell a guard, or have a reason not to. A regression of issue 14.
func TestGoroutinesAreGuarded(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(strings.TrimPrefix(path, "../"))
		if d.IsDir() && slices.Contains([]string{"app/sim", "catcher/catchertest", "streams/natstest", "docs", "findings", "samples", "deploy", ".git", "app/e2e"}, folder) {
			return fs.SkipDir // tests, and tools that run by hand
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "Go" && f.Sel.Name != "AfterFunc" {
					return true
				} else if x, ok := f.X.(*ast.Ident); ok && x.Name == "workflow" {
					return true // the SDK stops panics in workflow code
				}
			default:
				return true
			}
			var text bytes.Buffer
			if err := printer.Fprint(&text, set, n); err != nil {
				t.Fatal(err)
			}
			if guards := strings.ToLower(text.String()); strings.Contains(guards, "guard.func(") || strings.Contains(guards, "guard.do(") {
				return true
			}
			where := filepath.ToSlash(filepath.Dir(folder)) + ": " + summary(text.String())
			seen[where] = true
			if unguarded[where] == "" {
				t.Errorf("%q (%s) has no guard: start it with guard.Func, or say in unguarded why not", where, set.Position(n.Pos()))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for where := range unguarded {
		if !seen[where] {
			t.Errorf("%q is gone, or has a guard: take it out of unguarded", where)
		}
	}
}

// summary is a statement in one line, without the white space.
func summary(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 60 {
		return string(r[:60])
	}
	return text
}
