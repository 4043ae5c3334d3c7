package event_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"usher/event"
)

func TestAPanicBecomesAnErrorWithoutItsValue(t *testing.T) {
	secret := errors.New("ann@example.org")
	var none []int
	for what, test := range map[string]struct {
		do   func() error
		want string
	}{
		"a value of usher's":    {func() error { panic("ann@example.org") }, "usher failed in bridge.message (string)"},
		"an error":              {func() error { panic(secret) }, "usher failed in bridge.message (*errors.errorString)"},
		"the runtime's":         {func() error { return errors.New(string(rune(none[len(none)]))) }, "usher failed in bridge.message (runtime error: index out of range [0] with length 0)"},
		"panic(nil)":            {func() error { panic(nil) }, "usher failed in bridge.message (panic called with nil argument)"},
		"an error that is none": {func() error { return secret }, "ann@example.org"},
	} {
		err := event.Protect("bridge.message", test.do)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: the error is %v, want %s", what, err, test.want)
		}
		if p := event.Panicked(err); p != nil && (strings.Contains(p.Stack, "ann@") || !strings.Contains(p.Stack, "panic_test.go")) {
			t.Errorf("%s: the stack is\n%s", what, p.Stack)
		}
	}
	if err := event.Protect("x", func() error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestAGuardIsToldOnceAndOthersGoOn(t *testing.T) {
	var told []string
	guard := event.Guard(func(p *event.PanicError) { told = append(told, p.Where) })
	var wg sync.WaitGroup
	wg.Go(guard.Func("ops.goroutine", func() { panic("gone") }))
	wg.Wait()
	err := guard.Do("outer", func() error {
		return guard.Do("inner", func() error { panic("gone") })
	})
	if p := event.Panicked(err); p == nil || p.Where != "inner" {
		t.Errorf("the error is %v", err)
	}
	if got := strings.Join(told, " "); got != "ops.goroutine inner" {
		t.Errorf("told of %s", got)
	}
	event.Guard(nil).Func("nobody listens", func() { panic("gone") })()
}
