package forget

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"usher/event"
)

// What an `usher up` keeps on its machine besides the streams and Temporal: what its
// catcher took, and the write-ahead logs of its databases.

// clearCatcher deletes what the catcher of a running `usher up` took for the person.
func (f Forgetting) clearCatcher(ctx context.Context, names []string) error {
	if f.Catcher == "" {
		return nil
	}
	for _, name := range names {
		req, err := http.NewRequestWithContext(ctx, http.MethodDelete, "http://"+f.Catcher+"/api/v1/search?query="+url.QueryEscape(`to:"`+name+`"`), nil)
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
	if !f.Running {
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
		if !event.Sleep(ctx, 50*time.Millisecond) {
			return errors.New("its write-ahead log is always in use; run this again later")
		}
	}
}
