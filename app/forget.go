package app

import (
	"path/filepath"

	"go.temporal.io/sdk/client"

	"usher/bridge"
	"usher/forget"
)

// Forgetting joins `usher forget` to where a person's data are. temporalAddress and
// namespace name the Temporal of others; an empty address takes that of the `usher
// up` that runs on the data folder, or else the server's own conventions. close ends
// the connection to it.
func (c *Client) Forgetting(data, temporalAddress, namespace string) (f forget.Forgetting, close func(), err error) {
	f = forget.Forgetting{JetStream: c.JetStream, People: c.People, Publisher: c.Publisher, Data: data}
	f.Crashes = func() error { return bridge.BlankCrashes(filepath.Join(data, "bridge")) }
	address := temporalAddress
	if a, err := FindRunning(data); err == nil {
		f.Running, f.Catcher = true, a.CatcherHTTP
		if address == "" {
			address = a.Temporal
		}
	}
	o, err := temporalOptions(address, namespace, temporalAddress != "" || address == "")
	if err != nil {
		return f, nil, err
	}
	o.Logger = silent{}
	t, err := client.NewLazyClient(o)
	if err != nil {
		return f, nil, err
	}
	f.Runs = forget.Runs{Client: t, Namespace: o.Namespace}
	return f, t.Close, nil
}

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
