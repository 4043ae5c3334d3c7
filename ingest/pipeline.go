package ingest

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"usher/event"
	"usher/table"
)

// chunkRows is how many rows go from one goroutine to another at once.
const chunkRows = 512

// inOrder reads all rows, has them worked on by several goroutines, and calls
// each with the results in the order of the rows. newWork makes the work of one
// goroutine. At most a few chunks are in memory: when each is slow, reading
// waits. Whatever goes wrong, all goroutines have ended when it returns; a panic
// in one of them is an error.
func inOrder[T any](ctx context.Context, r *table.Rows, workers int, newWork func() func([]table.Row) T, each func(T) error) error {
	type result struct {
		value T
		err   error
	}
	type chunk struct {
		rows []table.Row
		done chan result
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	jobs, order := make(chan chunk, workers), make(chan chunk, 2*workers)
	wg.Go(func() {
		defer close(order)
		defer close(jobs)
		for {
			rows, err := readChunk(r)
			c := chunk{rows, make(chan result, 1)}
			if len(rows) > 0 {
				select {
				case order <- c:
					jobs <- c // there is room soon: each of order's had its turn here
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					c = chunk{nil, make(chan result, 1)}
					c.done <- result{err: err}
					select {
					case order <- c:
					case <-ctx.Done():
					}
				}
				return
			}
		}
	})
	for range workers {
		wg.Go(func() {
			work := newWork()
			for c := range jobs {
				var res result
				res.err = event.Protect("the import of this file", func() error { res.value = work(c.rows); return nil })
				c.done <- res
			}
		})
	}
	for {
		select {
		case c, ok := <-order:
			if !ok {
				return ctx.Err()
			}
			res := <-c.done
			if res.err != nil {
				return res.err
			}
			if err := each(res.value); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func readChunk(r *table.Rows) (rows []table.Row, err error) {
	rows = make([]table.Row, 0, chunkRows)
	err = event.Protect("the import of this file", func() error {
		for len(rows) < chunkRows {
			rw, err := r.Next()
			if err != nil {
				return err
			}
			rows = append(rows, rw)
		}
		return nil
	})
	return rows, err
}

func parallel() int { return max(1, min(runtime.GOMAXPROCS(0), 8)) }
