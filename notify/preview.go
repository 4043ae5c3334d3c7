package notify

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Previews renders messages that nobody gets.
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

// Render makes the message for somebody with these data. locale is matched as a
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
