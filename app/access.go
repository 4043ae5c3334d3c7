package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"
	"go.temporal.io/sdk/client"

	"usher/event"
)

// NATSAccess is how a process or a command reaches NATS.
type NATSAccess struct {
	NATSURL          string `name:"nats-url" help:"NATS servers to join instead of the embedded one, separated by commas; tls://… encrypts." placeholder:"URL"`
	NATSCreds        string `name:"nats-creds" help:"File with the NATS credentials (JWT and key)." placeholder:"FILE"`
	NATSUser         string `name:"nats-user" help:"NATS user." placeholder:"NAME"`
	NATSPassword     string `name:"nats-password" help:"Its password." placeholder:"SECRET"`
	NATSPasswordFile string `name:"nats-password-file" help:"File with that password." type:"path" placeholder:"FILE"`
	NATSCA           string `name:"nats-ca" help:"File with the certificates that vouch for the NATS servers, when the system's do not." placeholder:"FILE"`
	NATSCert         string `name:"nats-cert" help:"File with the certificate that this process shows." placeholder:"FILE"`
	NATSKey          string `name:"nats-key" help:"File with its key." placeholder:"FILE"`
	NATSInsecure     bool   `name:"nats-insecure" help:"Allow names and addresses to cross a network unencrypted."`
}

// options are the client's, for servers that the settings name.
func (a NATSAccess) options(servers string) ([]nats.Option, error) {
	var out []nats.Option
	password, err := secret("nats-password", a.NATSPassword, a.NATSPasswordFile)
	if err != nil {
		return nil, err
	}
	if a.NATSCreds != "" {
		out = append(out, nats.UserCredentials(a.NATSCreds))
	}
	if a.NATSUser != "" {
		out = append(out, nats.UserInfo(a.NATSUser, password))
	}
	if a.NATSCA != "" {
		out = append(out, nats.RootCAs(a.NATSCA))
	}
	if (a.NATSCert == "") != (a.NATSKey == "") {
		return nil, errors.New("--nats-cert and --nats-key: give both or neither")
	}
	if a.NATSCert != "" {
		out = append(out, nats.ClientCert(a.NATSCert, a.NATSKey))
	}
	encrypts := a.NATSCA != "" || a.NATSCert != ""
	for _, s := range strings.Split(servers, ",") {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.Host == "" {
			return nil, errors.New("--nats-url: give it as nats://HOST:PORT or tls://HOST:PORT")
		}
		if u.Scheme == "tls" || u.Scheme == "wss" {
			encrypts = true
		}
		if !encrypts && !a.NATSInsecure && !event.Loopback(u.Hostname()) {
			return nil, fmt.Errorf("--nats-url: %s is another machine, and names and addresses of people would cross the network unencrypted: use tls://, or allow it with --nats-insecure", u.Hostname())
		}
	}
	if encrypts {
		out = append([]nats.Option{nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12})}, out...) // the others add to it
	}
	return out, nil
}

// checkTemporal refuses plain text to another machine: payloads are encrypted,
// but user ids are not.
func checkTemporal(o client.Options, allowed bool) error {
	address := o.HostPort
	if address == "" {
		return nil // the client's own default, on this machine
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if o.ConnectionOptions.TLS != nil || o.Credentials != nil || allowed || event.Loopback(host) {
		return nil
	}
	return fmt.Errorf("--temporal-address: %s is another machine, and ids of people would cross the network unencrypted: configure TLS as Temporal's own tools do (TEMPORAL_TLS…), or allow it with --temporal-insecure", host)
}
