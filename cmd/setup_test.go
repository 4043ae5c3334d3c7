package cmd

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"go.yaml.in/yaml/v3"

	"usher/streams"
	"usher/streams/natstest"
)

func TestSetup(t *testing.T) {
	_, url := natstest.Start(t)
	key := []string{"--id-key", "a key of this test, long enough"}
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{key, 2, "--nats-url or NATS_URL"},
		{[]string{"--nats-url", url}, 1, "--id-key"},
		{append([]string{"--nats-url", url, "--replicas", "0"}, key...), 1, "--replicas"},
		{append([]string{"--nats-url", url, "--max-store", "6XB"}, key...), 2, "give it as 6GB"},
		{append([]string{"--nats-url", url, "--max-store", "64GB"}, key...), 1, "stream USERS wants 30400 MB of the 60800 MB that all streams get, on each of 1 servers"},
		{append([]string{"--nats-url", url, "--max-store", "64GB"}, key...), 1, "give the streams less with --max-store"},
		{append([]string{"--nats-url", url, "--max-store", "64MB"}, key...), 0, "stream KV_CONTROL made: room for 152 KB, 1 copy\n10 streams are there and as they should be\nTemporal is not named"},
		{append([]string{"--nats-url", url, "--max-store", "64000000"}, key...), 0, "10 streams"},
		{[]string{"--nats-url", url, "--id-key", "another key of this test, long"}, 1, "USHER_ID_KEY"},
		{append([]string{"--nats-url", "nats://10.1.2.3:4222"}, key...), 1, "--nats-insecure"},
	} {
		code, out, errs := run(t, nil, append([]string{"setup"}, tc.args...)...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) {
			t.Errorf("%v: %d\n%s%s", tc.args, code, out, errs)
		}
		if strings.Contains(out+errs, "a key of this test") {
			t.Error("the key is printed")
		}
	}
	t.Setenv("NATS_URL", url)
	if code, out, errs := run(t, nil, append([]string{"setup", "--max-store", "64MB"}, key...)...); code != 0 || !strings.Contains(out, "10 streams") {
		t.Errorf("with NATS_URL: %d\n%s%s", code, out, errs)
	}
}

// A stream that is gone stops everything until an operator says that it is lost.
func TestSetupAfterALoss(t *testing.T) {
	js, url := natstest.Start(t)
	args := []string{"setup", "--nats-url", url, "--max-store", "64000000", "--id-key", "a key of this test, long enough"}
	if code, _, errs := run(t, nil, args...); code != 0 {
		t.Fatal(errs)
	}
	if err := js.DeleteStream(t.Context(), "KV_PEOPLE"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		accept []string
		code   int
		want   string
	}{
		{nil, 1, "`--accept-lost KV_PEOPLE`"},
		{[]string{"--accept-lost", "USERS"}, 1, "KV_PEOPLE, made at"},
		{[]string{"--accept-lost", "MEN"}, 1, "--accept-lost MEN: usher has no such stream"},
		{[]string{"--accept-lost", "PEOPLE"}, 0, "10 streams"},
		{nil, 0, "10 streams"},
	} {
		code, out, errs := run(t, nil, append(args, tc.accept...)...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) {
			t.Errorf("%v: %d\n%s%s", tc.accept, code, out, errs)
		}
	}
}

// What setup says is missing is enough: with that much more the streams fit. It leaves
// nothing behind of how it found out.
func TestSetupSaysHowMuchRoomIsMissing(t *testing.T) {
	dir := t.TempDir()
	const room = 1 << 30
	s := natstest.Serve(t, &server.Options{Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, JetStreamMaxStore: room})
	args := []string{"setup", "--nats-url", s.ClientURL(), "--max-store", "1500MB", "--id-key", "a key of this test, long enough"}
	code, _, errs := run(t, nil, args...)
	m := regexp.MustCompile(`about (\d+) MB are missing on each`).FindStringSubmatch(errs)
	if code != 1 || m == nil {
		t.Fatalf("%d\n%s", code, errs)
	}
	lack, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	s.Shutdown()
	s.WaitForShutdown()
	s = natstest.Serve(t, &server.Options{Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, JetStreamMaxStore: room + lack*1e6})
	args[2] = s.ClientURL()
	if code, out, errs := run(t, nil, args...); code != 0 || !strings.Contains(out, "stream USERS is there") || !strings.Contains(out, "stream KV_CONTROL made") {
		t.Errorf("with %d MB more: %d\n%s%s", lack, code, out, errs)
	}
	i, err := s.Jsz(&server.JSzOptions{})
	if err != nil || i.Streams != streams.Count {
		t.Errorf("%d streams are there, %v", i.Streams, err)
	}
}

// What is printed for other tools makes streams that usher takes as they are.
func TestSetupPrintsTheTable(t *testing.T) {
	js, url := natstest.Start(t)
	key := []string{"--id-key", "a key of this test, long enough"}
	code, table, errs := run(t, nil, append([]string{"setup", "--print", "nats", "--max-store", "64MB"}, key...)...)
	if code != 0 {
		t.Fatal(errs)
	}
	made := map[string]jetstream.StreamConfig{}
	for line := range strings.Lines(table) {
		var c jetstream.StreamConfig
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateStream(t.Context(), c); err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		made[c.Name] = c
	}
	if code, out, errs := run(t, nil, append([]string{"setup", "--nats-url", url, "--max-store", "64MB"}, key...)...); code != 0 || strings.Contains(out, " made:") || !strings.Contains(out, "10 streams") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}

	code, table, errs = run(t, nil, append([]string{"setup", "--print", "nack", "--max-store", "64MB"}, key...)...)
	if code != 0 {
		t.Fatal(errs)
	}
	seen := 0
	for resource := range strings.SplitSeq(table, "---\n") {
		var r struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string
			Metadata   struct{ Name string }
			Spec       map[string]any
		}
		if err := yaml.Unmarshal([]byte(resource), &r); err != nil {
			t.Fatal(err)
		}
		c := made[r.Spec["name"].(string)]
		want := map[string]any{ // as NACK's resources have it
			"name": c.Name, "subjects": []any{c.Subjects[0]}, "storage": "file", "retention": "limits", "discard": strings.ToLower(strings.TrimPrefix(c.Discard.String(), "Discard")),
			"replicas": 1, "maxBytes": int(c.MaxBytes), "preventDelete": true, "preventUpdate": true,
		}
		for name, v := range map[string]any{
			"maxMsgSize": int(c.MaxMsgSize), "maxMsgsPerSubject": int(c.MaxMsgsPerSubject), "allowDirect": c.AllowDirect, "allowRollup": c.AllowRollup,
			"allowMsgTtl": c.AllowMsgTTL, "allowAtomicPublish": c.AllowAtomicPublish, "denyDelete": c.DenyDelete,
		} {
			if v != 0 && v != false {
				want[name] = v
			}
		}
		for name, d := range map[string]time.Duration{"maxAge": c.MaxAge, "duplicateWindow": c.Duplicates} {
			if d > 0 {
				want[name] = d.String()
			}
		}
		if c.Metadata != nil {
			want["metadata"] = map[string]any{"usher-id-key": c.Metadata["usher-id-key"]}
		}
		if diff := cmp.Diff(want, r.Spec); diff != "" || r.APIVersion != "jetstream.nats.io/v1beta2" || r.Kind != "Stream" || r.Metadata.Name == "" {
			t.Errorf("%s %s %s (-want +got):\n%s", r.APIVersion, r.Kind, r.Metadata.Name, diff)
		}
		seen++
	}
	if seen != streams.Count || made["USERS"].Metadata["usher-id-key"] == "" {
		t.Errorf("%d of %d resources, the key's fingerprint is %q", seen, streams.Count, made["USERS"].Metadata["usher-id-key"])
	}
	if strings.Contains(table, "a key of this test") {
		t.Error("the key is printed")
	}
}
