package notify

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Previews renders messages to look at, which are not sent.
type Previews struct{ templates *templates }

// OpenPreviews loads the templates as a Sender does, and returns the same errors.
// own is nil for those that come with usher.
func OpenPreviews(own fs.FS) (*Previews, error) {
	t, err := loadTemplates(own)
	return &Previews{t}, err
}

// Preview is a message as its recipient would see it.
type Preview struct {
	Purpose, Locale, Version string
	Subject, Text, HTML, SMS string
	Segments                 Segments // of the text message
}

// Messages lists every purpose with its languages, the fallback first.
func (p *Previews) Messages() map[string][]string {
	out := map[string][]string{}
	for purpose, l := range p.templates.byPurpose {
		out[purpose] = l.locales
	}
	return out
}

// Render makes the message for a person with these data. locale is matched as a
// user's is. Errors say what the template asked for in vain.
func (p *Previews) Render(purpose, locale, name, userID string, attributes map[string]string) (Preview, error) {
	if _, ok := p.templates.byPurpose[purpose]; !ok {
		return Preview{}, fmt.Errorf("there is no message %q, there is %s", purpose, strings.Join(slices.Sorted(maps.Keys(p.templates.byPurpose)), ", "))
	}
	locale = p.templates.match(purpose, locale)
	c, err := p.templates.render(purpose, locale, newPerson(name, userID, attributes))
	if err != nil {
		return Preview{}, plainTemplate(err)
	}
	return Preview{purpose, locale, p.templates.version(purpose, locale), c.subject, c.text, c.html, c.sms, CountSegments(c.sms)}, nil
}

// Print shows the message, or only the HTML part of its e-mail.
func (p Preview) Print(out io.Writer, html bool) error {
	if html {
		_, err := fmt.Fprintln(out, p.HTML)
		return err
	}
	_, err := fmt.Fprintf(out, "%s\n\nSubject: %s\n\n%s\n\nText message (%d to pay, %d units of %s):\n\n%s\n",
		p.Version, p.Subject, p.Text, p.Segments.Count, p.Segments.Units, p.Segments.Encoding(), p.SMS)
	if err == nil && p.Segments.Unicode {
		_, err = fmt.Fprintf(out, "\n%q is not in the small alphabet of text messages, so each holds 70 characters instead of 160.\n", p.Segments.Odd)
	}
	return err
}

// CopyBuiltin writes the templates that come with usher into a folder that is not
// there yet, to be changed and named with --templates.
func CopyBuiltin(dir string) error {
	if err := os.CopyFS(dir, Builtin()); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s holds templates already: name a new folder", filepath.Clean(dir))
		}
		return err
	}
	return nil
}
