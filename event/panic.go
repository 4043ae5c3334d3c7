package event

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// PanicError is a panic that was taken for an error. Its text says where it was
// and of which kind, and never what was panicked with, which may hold personal
// data; only the runtime's own words (an index, a nil pointer) are kept.
type PanicError struct {
	Where string // what was being done, as Protect was told
	Kind  string // the runtime's words, or the type of the value
	Stack string // of the goroutine; names code only
}

func (e *PanicError) Error() string { return "usher failed in " + e.Where + " (" + e.Kind + ")" }

// Protect returns f's error, or a PanicError when f panics. It is for what is
// worth going on after: a message, a look, a goroutine of its own. What f held
// must be given back by its own defers.
//
// A panic in a goroutine that f starts, a fatal error of the runtime (maps written
// at once, no memory, no stack) and runtime.Goexit are not caught.
func Protect(where string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = newPanicError(where, p)
		}
	}()
	return f()
}

func newPanicError(where string, p any) *PanicError {
	kind := fmt.Sprintf("%T", p)
	if r, ok := p.(runtime.Error); ok {
		kind = r.Error()
	}
	return &PanicError{Where: where, Kind: kind, Stack: string(debug.Stack())}
}

// Panicked returns the panic that err, or an error it wraps, is about; nil when it
// is about none.
func Panicked(err error) *PanicError {
	var p *PanicError
	errors.As(err, &p)
	return p
}

// Guard is told of each panic that it stops: it counts and logs. Each part of
// usher gets one from metrics.Shared; the zero Guard stops panics and says
// nothing.
//
// A goroutine that must not end the process is started as
//
//	wg.Go(guard.Func("bridge.keepalive", func() { … }))
//
// and a loop that goes on after a panic protects each of its rounds with Do.
type Guard func(*PanicError)

// Do is Protect, and tells of a panic. An error that f returns is f's own, also
// when it is about a panic that another guard has told of.
func (g Guard) Do(where string, f func() error) error {
	panicked := true
	err := Protect(where, func() error {
		err := f()
		panicked = false
		return err
	})
	if p := Panicked(err); panicked && p != nil && g != nil {
		g(p)
	}
	return err
}

// Func returns f as a function that does not panic, for wg.Go and for callbacks.
func (g Guard) Func(where string, f func()) func() {
	return func() {
		_ = g.Do(where, func() error { f(); return nil }) // g was told
	}
}
