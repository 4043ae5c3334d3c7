package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"usher/event"
	"usher/systemd"
)

// tellEvery is how often a service manager without a watchdog is told how things stand.
const tellEvery = 10 * time.Second

// teller tells the service manager that the process is alive, as long as /livez says so
// through its listener. While it starts, which lasts as long as servers are away, it
// asks for more time instead.
type teller struct {
	manager systemd.Manager
	ops     *ops
	log     *slog.Logger
	silent  bool // the manager was not told, and the log says so
}

func (p *process) startTelling(ctx context.Context) error {
	if !p.Manager.Is() {
		return nil
	}
	t := &teller{manager: p.Manager, ops: p.ops, log: p.Log}
	p.life.start(ctx, part{"telling the service manager", func(ctx context.Context) error {
		event.Every(ctx, t.every(), p.life.guard.Func("telling the service manager", func() { t.tell(ctx) }))
		return nil
	}, time.Second})
	return nil
}

// told tells the service manager of a step.
func (p *process) told(step string) {
	if err := p.Manager.Tell(step); err != nil {
		p.Log.Warn("the service manager was not told", "step", step, "error", err)
	}
}

// every leaves room for two looks that fail.
func (t *teller) every() time.Duration {
	if w := t.manager.Watchdog; w > 0 {
		return min(w/3, tellEvery)
	}
	return tellEvery
}

func (t *teller) tell(ctx context.Context) {
	err := t.look(ctx)
	if err == nil {
		line, up := t.ops.standing()
		says := []string{systemd.Status(line)}
		if up {
			says = append(says, systemd.Alive)
		} else {
			says = append(says, systemd.Extend(max(t.manager.Watchdog, 3*tellEvery)))
		}
		err = t.manager.Tell(says...)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil && !t.silent {
		t.log.Error("the service manager is not told that this process is alive, and will end it", "error", err)
	}
	t.silent = err != nil
}

// look asks /livez as any other program does.
func (t *teller) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.every())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.ops.listener.Addr().String()+"/livez", nil)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r) // no proxy
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("/livez: no answer within %s", t.every())
	case err != nil:
		return fmt.Errorf("/livez: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("/livez: %s", why)
	}
	return nil
}
