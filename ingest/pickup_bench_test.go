package ingest

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"usher/streams/natstest"
)

// BenchmarkPickUp measures with the times of production how long a complete file
// waits until it is claimed: after a rename into the inbox, and after the last
// close of one that is written in place.
func BenchmarkPickUp(b *testing.B) {
	for name, write := range map[string]func(dir, name string) error{
		"renamed": func(dir, name string) error {
			tmp := filepath.Join(dir, "."+name)
			if err := os.WriteFile(tmp, []byte(list(name, 100)), 0o640); err != nil {
				return err
			}
			return os.Rename(tmp, filepath.Join(dir, name))
		},
		"written": func(dir, name string) error {
			f, err := os.Create(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			for range 5 { // each block after a pause, as a copy over a network has
				if _, err := f.WriteString(list(name, 100)); err != nil {
					return err
				}
				time.Sleep(30 * time.Millisecond)
			}
			return f.Close()
		},
	} {
		b.Run(name, func(b *testing.B) {
			js, _ := natstest.Start(b)
			claimed := make(chan time.Time, 1)
			c := config(b.TempDir(), js, slog.DiscardHandler)
			c.Settle, c.Rescan = 0, 0 // the defaults
			c.Fault = func(point string) {
				if point == "ingest.claimed" {
					claimed <- time.Now()
				}
			}
			w, err := New(c)
			if err != nil {
				b.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- w.Run(b.Context()) }()
			b.Cleanup(func() { <-done })
			time.Sleep(300 * time.Millisecond) // the watch is there
			var waits []float64
			for i := 0; b.Loop(); i++ {
				if err := write(w.Inboxes[0].Dir, fmt.Sprint(name, i)); err != nil {
					b.Fatal(err)
				}
				complete := time.Now()
				waits = append(waits, float64((<-claimed).Sub(complete).Milliseconds()))
			}
			b.ReportMetric(median(waits), "ms-until-claimed")
		})
	}
}
