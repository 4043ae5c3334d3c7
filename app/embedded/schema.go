//go:build !noembed

package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/config"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"

	"usher/disk"
	"usher/event"
)

const (
	namespace   = "default"
	clusterName = "usher"
	shards      = 4 // frozen in the file
)

// layout is what the files of Temporal were made with. Temporal does not check
// this for SQLite: an old file would fail at some later moment.
type layout struct {
	Schema     string `json:"schema"`
	Visibility string `json:"visibility"`
	Shards     int    `json:"shards"`
	ClusterID  string `json:"cluster_id"`
}

// store is the folder with Temporal's files.
type store string

func (s store) state() string      { return filepath.Join(string(s), "state.db") }
func (s store) visibility() string { return filepath.Join(string(s), "visibility.db") }
func (s store) layout() string     { return filepath.Join(string(s), "layout.json") }

// open makes the files when they are not there and refuses those of another
// version. Each file appears under its name when it is complete, and the layout
// is written last: until it is there, the rest is made again.
func (s store) open(retention time.Duration) (layout, error) {
	want := layout{Schema: sqlite.Version, Visibility: sqlite.VisibilityVersion, Shards: shards}
	b, err := os.ReadFile(s.layout())
	if err == nil {
		var got layout
		if err := json.Unmarshal(b, &got); err != nil {
			return got, fmt.Errorf("%s cannot be read: %w", s.layout(), err)
		}
		want.ClusterID = got.ClusterID
		if got != want {
			return got, fmt.Errorf("the files in %s were made by another version of Temporal (schema %s and %s, this usher has %s and %s): start the usher that made them, or move the folder away and replay the streams", s, got.Schema, got.Visibility, want.Schema, want.Visibility)
		}
		return got, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return want, err
	}
	if err := os.MkdirAll(string(s), 0o750); err != nil {
		return want, err
	}
	if err := makeDatabase(s.visibility(), nil); err != nil {
		return want, err
	}
	if err := makeDatabase(s.state(), func(c *config.SQL) error { return makeNamespace(c, retention) }); err != nil {
		return want, err
	}
	want.ClusterID = primitives.NewUUID().String()
	if b, err = json.Marshal(want); err != nil {
		return want, err
	}
	return want, disk.Write(s.layout(), b, 0o640)
}

// makeDatabase makes one SQLite file with Temporal's schema under a temporary
// name and renames it. A file that is there is complete and stays.
func makeDatabase(path string, fill func(*config.SQL) error) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	tmp := path + ".new"
	for _, f := range []string{tmp, tmp + "-journal"} { // of a start that was cut short
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	c := &config.SQL{PluginName: sqliteplugin.PluginName, DatabaseName: tmp, ConnectAttributes: map[string]string{"mode": "rwc"}}
	if err := sqlite.SetupSchema(c); err != nil {
		return fmt.Errorf("making Temporal's schema: %w", err)
	}
	if fill != nil {
		if err := fill(c); err != nil {
			return err
		}
	}
	return disk.Rename(tmp, path)
}

func makeNamespace(c *config.SQL, retention time.Duration) error {
	ns, err := sqlite.NewNamespaceConfig(clusterName, namespace, false, map[string]enumspb.IndexedValueType{
		event.AttributeImport: enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		event.AttributeSource: enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	})
	if err != nil {
		return err
	}
	ns.Detail.Config.Retention = durationpb.New(retention)
	return sqlite.CreateNamespaces(c, ns)
}

// pragmas are how a running server uses a file.
func pragmas() map[string]string {
	p := map[string]string{
		"journal_mode": "wal", "synchronous": "full", "busy_timeout": "10000", "cache_size": "-65536",
		"secure_delete": "on", // `usher forget` deletes histories
	}
	if runtime.GOOS == "darwin" {
		p["fullfsync"] = "true"
	}
	return p
}

// database is how a running server opens a file. More than one connection would
// make writers collide in ways that Temporal takes for duplicate keys.
func database(path string) *config.SQL {
	attributes := pragmas()
	attributes["mode"] = "rwc"
	return &config.SQL{
		PluginName: sqliteplugin.PluginName, DatabaseName: path, ConnectAttributes: attributes, MaxConns: 1, MaxIdleConns: 1,
	}
}

// dsn says the same to SQLite's driver.
func dsn(path string) string {
	v := url.Values{"mode": {"rwc"}, "_time_format": {"sqlite"}}
	all := pragmas()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v.Add("_pragma", name+"="+all[name])
	}
	return "file:" + path + "?" + v.Encode()
}
