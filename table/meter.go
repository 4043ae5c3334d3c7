package table

import (
	"context"
	"io"
)

// meterKey is where a context holds what is told of the bytes read under it.
type meterKey struct{}

// Metered has read told how many bytes of a file were read under the context,
// each time some were. It is called by several goroutines.
func Metered(ctx context.Context, read func(bytes int)) context.Context {
	return context.WithValue(ctx, meterKey{}, read)
}

func meter(ctx context.Context, n int) {
	if read, ok := ctx.Value(meterKey{}).(func(int)); ok {
		read(n)
	}
}

// until is r, failing once ctx has ended: a huge file does not hold up a stop.
func until(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := r.Read(p)
		meter(ctx, n)
		return n, err
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
