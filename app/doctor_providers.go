package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"usher/account"
	"usher/doctor"
	"usher/event"
	"usher/notify"
)

// providerTargets are who takes the messages, and the accounts.
func (d Doctor) providerTargets(running Addresses) ([]doctor.ProviderTarget, error) {
	providers, err := d.Delivery.providers(running)
	if err != nil {
		return nil, err
	}
	templates, err := d.Content.fs()
	if err == nil { // what is wrong with them beside their addresses
		err = notify.Trial{Providers: providers, Templates: templates, Allowed: d.AllowRecipients}.Check()
	}
	limits := map[string]float64{}
	for name, text := range d.ProviderLimits {
		var r notify.Rate
		if wrong := r.UnmarshalYAML(&yaml.Node{Value: text}); wrong != nil {
			err = errors.Join(err, fmt.Errorf("--provider-limit %s: give it as 10/s, 300/m or 5000/h", name))
		}
		limits[name] = float64(r.Limit)
	}
	var out []doctor.ProviderTarget
	for _, c := range providers.Email {
		out = append(out, doctor.ProviderTarget{
			Provider: doctor.Provider{Name: c.Name, Channel: event.ChannelEmail, Addr: c.Addr, Rate: float64(c.Rate.Limit), Limit: limits[c.Name]},
			Probe:    func(ctx context.Context, p *doctor.Provider) { saw(p)(c.Connect(ctx)) },
			Hide:     []string{c.Password, c.Username},
		})
	}
	for _, c := range providers.SMS {
		name := cmp.Or(c.Name, c.Preset)
		t := doctor.ProviderTarget{
			Provider: doctor.Provider{Name: name, Channel: event.ChannelSMS, Rate: float64(c.Rate.Limit), Limit: limits[name]}, Hide: []string{c.Secret, c.Account},
		}
		addr, encrypted, wrong := c.Endpoint()
		t = overHTTP(t, addr, encrypted, wrong)
		t.Probe = func(ctx context.Context, p *doctor.Provider) { saw(p)(c.Connect(ctx)) }
		out = append(out, t)
	}
	if d.AccountTarget != account.None && d.AccountURL != "" {
		addr, encrypted, wrong := notify.EndpointOf(d.AccountURL)
		out = append(out, overHTTP(doctor.ProviderTarget{Provider: doctor.Provider{Name: d.AccountTarget, Channel: "accounts"}}, addr, encrypted, wrong))
	}
	return out, err
}

// overHTTP is a service that is connected to and asked for nothing.
func overHTTP(t doctor.ProviderTarget, addr string, encrypted bool, wrong error) doctor.ProviderTarget {
	if t.Addr = addr; wrong != nil {
		t.Failed, t.Problem = doctor.StepSettings, wrong.Error()
	}
	t.Probe = func(ctx context.Context, p *doctor.Provider) { saw(p)(notify.ConnectHTTP(ctx, nil, addr, encrypted)) }
	return t
}

// saw writes down what a probe saw.
func saw(p *doctor.Provider) func(notify.Connected, error) {
	return func(seen notify.Connected, err error) {
		p.Failed, p.TLS, p.CertEnds, p.SignsIn = seen.Failed, seen.TLS, seen.CertificateEnds, seen.SignedIn || seen.Failed == notify.StepSignIn
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			p.Problem = "it hangs: there was no answer in time"
		case err != nil:
			p.Problem = strings.ReplaceAll(err.Error(), "\n", " ")
		}
	}
}

// hidden are the texts that nothing about the system must have: secrets, and folders,
// whose names may be those of people.
func (d Doctor) hidden() (out []string) {
	secretsOf(d.Config, func(value, file string) {
		out = append(out, value)
		if b, err := os.ReadFile(file); file != "" && err == nil {
			for line := range strings.Lines(string(b)) {
				out = append(out, strings.TrimSpace(line))
			}
		}
	})
	for _, name := range []string{"id.key", "payload.key"} {
		if b, err := os.ReadFile(d.path(name)); err == nil {
			out = append(out, strings.TrimSpace(string(b)))
		}
	}
	if d.Providers != "" {
		if p, err := notify.LoadProviders(d.Providers); err == nil {
			secretFields(reflect.ValueOf(p), &out)
		}
	}
	dirs := []string{d.Data}
	for _, in := range d.inboxes() {
		dirs = append(dirs, in.Dir)
	}
	home, _ := os.UserHomeDir()
	for _, dir := range append(dirs, home, d.Providers) {
		if filepath.Dir(dir) != "." { // ./usher-data names no one
			out = append(out, dir)
		}
	}
	return out
}

// secretsOf calls f with each setting that is a secret, and with the file that holds it.
func secretsOf(c Config, f func(value, file string)) {
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		group := v.Field(i)
		if group.Kind() != reflect.Struct || v.Type().Field(i).Name == "Roles" {
			continue
		}
		walkSecrets(group, f)
	}
}

func walkSecrets(group reflect.Value, f func(value, file string)) {
	for i := range group.NumField() {
		field := group.Type().Field(i)
		switch {
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			walkSecrets(group.Field(i), f)
		case field.Tag.Get("placeholder") == "SECRET":
			file := ""
			if beside := group.FieldByName(field.Name + "File"); beside.IsValid() {
				file = beside.String()
			}
			f(group.Field(i).String(), file)
		}
	}
}

// secretFields adds what stands in fields of providers that hold secrets.
func secretFields(v reflect.Value, out *[]string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			secretFields(v.Elem(), out)
		}
	case reflect.Slice:
		for i := range v.Len() {
			secretFields(v.Index(i), out)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name, field := v.Type().Field(i).Name, v.Field(i)
			switch {
			case field.Kind() != reflect.String:
				secretFields(field, out)
			case !strings.Contains(name, "Password") && !strings.Contains(name, "Secret") && !strings.Contains(name, "Token"), name == "TokenURL":
			case strings.HasSuffix(name, "File"):
				if b, err := os.ReadFile(field.String()); err == nil {
					*out = append(*out, strings.TrimSpace(string(b)))
				}
			default:
				*out = append(*out, field.String())
			}
		}
	}
}
