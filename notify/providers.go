package notify

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/time/rate"

	"usher/event"
)

// Providers are who takes the messages of each channel, the preferred one first.
// The next one is asked only when those before are known not to have taken the message. A
// channel may have none: then nothing is sent on it.
type Providers struct {
	Email []SMTPConfig `yaml:"email"`
	SMS   []HTTPConfig `yaml:"sms"`
}

// LoadProviders reads a YAML file with the keys email and sms. A key that is not
// known is an error that names its line.
func LoadProviders(file string) (Providers, error) {
	var p Providers
	b, err := os.ReadFile(file)
	if err != nil {
		return p, err
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&p); err != nil && !errors.Is(err, io.EOF) {
		return p, fmt.Errorf("%s: %w", file, plainYAML(err))
	}
	return p, nil
}

var (
	yamlType    = regexp.MustCompile(` in type notify\.\w+`)
	yamlMessage = regexp.MustCompile(`^yaml: (unmarshal errors:\n\s*)?`)
)

// plainYAML is what the library says, without the names of Go types.
func plainYAML(err error) error {
	return errors.New(yamlType.ReplaceAllString(yamlMessage.ReplaceAllString(err.Error(), ""), ""))
}

var providerName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// check finds what the whole has to say, such as a name that is given twice.
func (p Providers) check() error {
	var errs []error
	name := func(channel, name string, others []string) {
		switch {
		case !providerName.MatchString(name):
			errs = append(errs, fmt.Errorf("%s: each provider needs a name of lower-case letters, digits and -, not %q", channel, name))
		case slices.Contains(others, name):
			errs = append(errs, fmt.Errorf("%s: two providers are called %s", channel, name))
		}
	}
	var mail, text []string
	for _, c := range p.Email {
		name("email", c.Name, mail)
		mail = append(mail, c.Name)
	}
	for _, c := range p.SMS {
		name("sms", c.Name, text)
		text = append(text, c.Name)
	}
	if len(p.Email)+len(p.SMS) == 0 {
		errs = append(errs, errors.New("no provider is given, neither for email nor for sms"))
	}
	return errors.Join(errs...)
}

//go:embed presets.yaml
var presetsYAML []byte

// presets are the services that usher knows.
func presets() (map[string]HTTPConfig, error) {
	p := map[string]HTTPConfig{}
	d := yaml.NewDecoder(bytes.NewReader(presetsYAML))
	d.KnownFields(true)
	err := d.Decode(&p)
	for name, c := range p {
		c.Reasons, c.Statuses, c.Texts = wordsOf(name)
		p[name] = c
	}
	return p, err
}

// withPreset puts the preset below what is given, and the defaults below both.
func (c HTTPConfig) withPreset() (HTTPConfig, error) {
	out := HTTPConfig{Method: http.MethodPost, StepTimeout: stepTimeout, AnswerTimeout: time.Minute}
	layers := []HTTPConfig{c}
	if c.Preset != "" {
		known, err := presets()
		if err != nil {
			return c, err
		}
		p, ok := known[c.Preset]
		if !ok {
			return c, fmt.Errorf("there is no preset %q, there are kannel, twilio, vonage and webhook", c.Preset)
		}
		layers = []HTTPConfig{p, c}
	}
	into := reflect.ValueOf(&out).Elem()
	for _, layer := range layers {
		from := reflect.ValueOf(layer)
		for i := range from.NumField() {
			f := from.Field(i)
			if f.IsZero() {
				continue
			}
			if f.Kind() != reflect.Map || into.Field(i).IsNil() {
				into.Field(i).Set(f)
				continue
			}
			for _, k := range f.MapKeys() {
				into.Field(i).SetMapIndex(k, f.MapIndex(k))
			}
		}
	}
	return out, nil
}

// Rate is how many messages a provider gets: written as 10/s, 300/m or 5000/h.
type Rate struct{ Limit rate.Limit } // a second; 0 is no limit

// UnmarshalYAML implements yaml.Unmarshaler.
func (r *Rate) UnmarshalYAML(n *yaml.Node) error {
	count, unit, ok := strings.Cut(n.Value, "/")
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	x, err := strconv.ParseFloat(count, 64)
	if !ok || err != nil || per == 0 || x <= 0 {
		return fmt.Errorf("line %d: the rate %q is not of the form 10/s, 300/m or 5000/h", n.Line, n.Value)
	}
	r.Limit = rate.Limit(x / per.Seconds())
	return nil
}

// secret is a value given under its key, or in the file that the key with _file names.
func secret(key, value, file string) (string, error) {
	return event.ReadSecret(key, value, key+"_file", file)
}

// ReceiptTokens are what may have signed the receipts of these services: as
// Twilio does, and as all others do. Errors name the provider.
func (p Providers) ReceiptTokens() (twilio, others []string, err error) {
	for _, c := range p.SMS {
		token, wrong := secret("receipt_token", c.ReceiptToken, c.ReceiptTokenFile)
		if token == "" && wrong == nil && c.Preset == "twilio" {
			token, wrong = secret("secret", c.Secret, c.SecretFile)
		}
		switch {
		case wrong != nil:
			err = errors.Join(err, fmt.Errorf("SMS provider %s: %w", cmp.Or(c.Name, c.Preset), wrong))
		case token == "":
		case c.Preset == "twilio":
			twilio = append(twilio, token)
		default: // it may speak as Twilio does, too
			twilio, others = append(twilio, token), append(others, token)
		}
	}
	return twilio, others, err
}

// provider is one of a channel's, with what guards it.
type provider struct {
	transport
	name string
	gate *gate
}

// open makes the providers of both channels. Errors name the provider.
func (p Providers) open(grace, mostPause time.Duration) (mail, text []*provider, err error) {
	errs := []error{p.check()}
	for _, c := range p.Email {
		t, err := newSMTP(c, grace)
		if err != nil {
			errs = append(errs, fmt.Errorf("e-mail provider %s: %w", c.Name, err))
			continue
		}
		mail = append(mail, &provider{t, c.Name, newGate(c.Rate, mostPause)})
	}
	for _, c := range p.SMS {
		t, err := newHTTP(c, grace)
		if err != nil {
			errs = append(errs, fmt.Errorf("SMS provider %s: %w", cmp.Or(c.Name, c.Preset), err))
			continue
		}
		text = append(text, &provider{t, c.Name, newGate(c.Rate, mostPause)})
	}
	return mail, text, errors.Join(errs...)
}

// Twilio is a service that speaks Twilio's Messages API; base is what stands
// before /2010-04-01.
func Twilio(base, account, token, from string) HTTPConfig {
	return HTTPConfig{Name: "twilio", Preset: "twilio", Base: base, Account: account, Secret: token, From: from}
}

// domain is where messages come from.
func (p Providers) domain() string {
	if len(p.Email) == 0 {
		return SMTPConfig{}.domain()
	}
	return p.Email[0].domain()
}
