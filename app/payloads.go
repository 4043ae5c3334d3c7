package app

import (
	"context"
	"net/http"
	"net/url"

	"go.temporal.io/sdk/converter"
)

// openCodec takes the keys that this process has or needs. The console gets
// along without any; then Temporal's pages show encrypted payloads.
func (p *process) openCodec() error {
	if !p.Roles.Bridge && !p.Roles.Worker && (!p.Roles.Console || p.PayloadKey+p.PayloadKeyFile == "") {
		return nil
	}
	secrets, err := p.payloadKey(p.servers != nil && p.TemporalAddress == "")
	if err != nil {
		return err
	}
	p.codec, err = newCodec(secrets)
	return err
}

func (p *process) bindConsole(context.Context) (err error) {
	if !p.Roles.Console {
		return nil
	}
	if p.console, err = p.Network.listen("--console-addr", p.ConsoleAddr); err != nil {
		return err
	}
	p.addr.Console, p.addr.ConsolePath, p.addr.ConsoleURL = p.console.Addr().String(), p.basePath(), p.ConsoleURL
	return nil
}

// codecEndpoint is what the embedded web pages of Temporal append /decode to.
// They run on loopback, so the console is asked there too: its cookie belongs to
// a host name, whatever the port.
func (p *process) codecEndpoint() string {
	if p.console == nil {
		return ""
	}
	return p.local() + "/codec"
}

// payloads decrypts for people; nil without a key. It does not encrypt.
func (p *process) payloads() http.Handler {
	if p.codec == nil {
		return nil
	}
	return converter.NewPayloadCodecHTTPHandler(&codec{keys: p.codec.keys}) // what it lacks is not what workflows lack
}

func (p *process) payloadOrigins() (origins []string) {
	if p.TemporalUIOrigin != "" {
		origins = append(origins, p.TemporalUIOrigin)
	}
	if p.addr.TemporalUI != "" {
		origins = append(origins, (&url.URL{Scheme: "http", Host: p.addr.TemporalUI}).String())
	}
	return origins
}
