package app

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"usher/disk"
)

// Addresses are the contents of DATA/usher.json: where a running `usher up` is
// found, as host:port.
type Addresses struct {
	Console      string `json:"console"`
	ConsolePath  string `json:"console_path,omitempty"` // before every address of it
	ConsoleURL   string `json:"console_url,omitempty"`  // that people open, where it is set
	Ops          string `json:"ops"`
	NATS         string `json:"nats"`
	Temporal     string `json:"temporal"`
	TemporalUI   string `json:"temporal_ui"`
	CatcherSMTP  string `json:"catcher_smtp"`
	CatcherHTTP  string `json:"catcher_http"`
	ReceiptsHTTP string `json:"receipts_http,omitempty"`
	ReceiptsSMTP string `json:"receipts_smtp,omitempty"`
	PID          int    `json:"pid"`
}

const addressFile = "usher.json"

// ErrNotRunning is returned by FindRunning when no `usher up` uses the folder.
var ErrNotRunning = errors.New("no usher is running")

// FindRunning reads where the `usher up` of a data folder is.
func FindRunning(data string) (Addresses, error) {
	var a Addresses
	b, err := os.ReadFile(filepath.Join(data, addressFile))
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("%w on %s: start `usher up`, or name the servers with --nats-url", ErrNotRunning, data)
	}
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, fmt.Errorf("%s: %w", addressFile, err)
	}
	if syscall.Kill(a.PID, 0) == syscall.ESRCH { // it was killed and left the file
		return a, fmt.Errorf("%w on %s: the last one (process %d) is gone, start `usher up` again", ErrNotRunning, data, a.PID)
	}
	return a, nil
}

// Local is where this machine reaches the console.
func (a Addresses) Local() string { return "http://" + a.Console + a.ConsolePath }

// Home is where people reach the console.
func (a Addresses) Home() string { return cmp.Or(a.ConsoleURL, a.Local()) }

func (a Addresses) write(data string) error {
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return disk.Write(filepath.Join(data, addressFile), append(b, '\n'), 0o644)
}

func removeAddresses(data string) { _ = os.Remove(filepath.Join(data, addressFile)) }
