package notify

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"
	"unicode"

	"golang.org/x/text/language"
)

//go:embed templates
var embedded embed.FS

// builtin are the templates that come with usher: PURPOSE/LOCALE/FILE.
var builtin = func() fs.FS {
	sub, err := fs.Sub(embedded, "templates")
	if err != nil {
		panic("notify: the templates are embedded: " + err.Error())
	}
	return sub
}()

// Files of one template in one language.
const (
	fileSubject = "subject.txt"
	fileText    = "mail.txt"
	fileHTML    = "mail.html"
	fileSMS     = "sms.txt"
)

// fallback is the language for everybody whose own is not there.
const fallback = "en"

// person is what a template may use. A key that an attribute list does not have
// is an error.
type person struct {
	Name       string // "" when it is not known
	UserID     string
	Attributes map[string]string
}

// content is a rendered message.
type content struct{ subject, text, html, sms string }

// templates are all purposes in all languages.
type templates struct {
	byPurpose map[string]*localised
}

type localised struct {
	locales []string // fallback first
	matcher language.Matcher
	sets    map[string]*set
}

type set struct {
	version string
	text    map[string]*texttemplate.Template
	html    *htmltemplate.Template
}

// loadTemplates parses every file and renders it once.
func loadTemplates(f fs.FS) (*templates, error) {
	t := &templates{byPurpose: map[string]*localised{}}
	purposes, err := fs.ReadDir(f, ".")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	var errs []error
	for _, p := range purposes {
		l, err := loadPurpose(f, p.Name())
		errs = append(errs, err)
		t.byPurpose[p.Name()] = l
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, p := range purposes {
		for _, locale := range t.byPurpose[p.Name()].locales {
			for _, who := range []person{{}, hostile} {
				if _, err := t.render(p.Name(), locale, who); err != nil {
					return nil, fmt.Errorf("template %s/%s: %w", p.Name(), locale, err)
				}
			}
		}
	}
	return t, nil
}

// hostile is a recipient of the kind that breaks templates.
var hostile = person{
	Name:   cleanName("Bobby\r\nBcc: x@example.org \u202e<script>alert(1)</script> \U0001F600 " + strings.Repeat("ü", 300)),
	UserID: "u-1",
}

func loadPurpose(f fs.FS, purpose string) (*localised, error) {
	l := &localised{sets: map[string]*set{}, locales: []string{fallback}}
	dirs, err := fs.ReadDir(f, purpose)
	if err != nil {
		return nil, err
	}
	for _, d := range dirs {
		if d.Name() != fallback {
			l.locales = append(l.locales, d.Name())
		}
	}
	var tags []language.Tag
	for _, locale := range l.locales {
		tag, err := language.Parse(locale)
		if err != nil {
			return nil, fmt.Errorf("template %s: the folder %s is not named after a language", purpose, locale)
		}
		tags = append(tags, tag)
		if l.sets[locale], err = loadSet(f, path.Join(purpose, locale)); err != nil {
			return nil, err
		}
	}
	l.matcher = language.NewMatcher(tags)
	return l, nil
}

func loadSet(f fs.FS, dir string) (*set, error) {
	s := &set{text: map[string]*texttemplate.Template{}}
	sum := sha256.New()
	for _, name := range []string{fileSubject, fileText, fileSMS, fileHTML} {
		b, err := fs.ReadFile(f, path.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("template: %w", err)
		}
		sum.Write(b)
		full := path.Join(dir, name) // so that errors name the file
		if name == fileHTML {
			s.html, err = htmltemplate.New(full).Option("missingkey=error").Parse(string(b))
		} else {
			s.text[name], err = texttemplate.New(full).Option("missingkey=error").Parse(string(b))
		}
		if err != nil {
			return nil, err
		}
	}
	s.version = hex.EncodeToString(sum.Sum(nil)[:4])
	return s, nil
}

// match finds the language for a person; what is not understood gets the fallback.
func (t *templates) match(purpose, locale string) string {
	l, ok := t.byPurpose[purpose]
	if !ok {
		return fallback
	}
	want, err := language.Parse(strings.ReplaceAll(locale, "_", "-"))
	if err != nil {
		return fallback
	}
	_, i, confidence := l.matcher.Match(want)
	if confidence < language.Low {
		return fallback
	}
	return l.locales[i]
}

func (t *templates) version(purpose, locale string) string {
	if l, ok := t.byPurpose[purpose]; ok && l.sets[locale] != nil {
		return purpose + "/" + locale + "@" + l.sets[locale].version
	}
	return purpose
}

// render renders all parts. A pinned language that is gone falls back.
func (t *templates) render(purpose, locale string, p person) (content, error) {
	l, ok := t.byPurpose[purpose]
	if !ok {
		return content{}, fmt.Errorf("there is no template %q", purpose)
	}
	s := l.sets[locale]
	if s == nil {
		s = l.sets[fallback]
	}
	var c content
	for _, part := range []struct {
		into *string
		exec func(io.Writer, any) error
	}{
		{&c.subject, s.text[fileSubject].Execute}, {&c.text, s.text[fileText].Execute}, {&c.sms, s.text[fileSMS].Execute}, {&c.html, s.html.Execute},
	} {
		var b strings.Builder
		if err := part.exec(&b, p); err != nil {
			return content{}, templateError(err)
		}
		*part.into = strings.TrimSpace(b.String())
	}
	if strings.ContainsAny(c.subject, "\r\n") {
		return content{}, errors.New(fileSubject + " has more than one line")
	}
	return c, nil
}

// templateError keeps file and line and drops values of the recipient, which
// text/template does not quote but html/template may.
func templateError(err error) error {
	var h *htmltemplate.Error
	if errors.As(err, &h) {
		return fmt.Errorf("%s:%d: it cannot be escaped safely", h.Name, h.Line)
	}
	var e texttemplate.ExecError
	if errors.As(err, &e) {
		return fmt.Errorf("%s: it uses something that the recipient does not have", e.Name)
	}
	return errors.New("it cannot be rendered")
}

// maxName is how much of a name is used, in characters.
const maxName = 100

// cleanName makes a name fit for one line of a message: no control characters,
// none that turn the direction of text, single spaces.
func cleanName(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
	if r := []rune(s); len(r) > maxName {
		s = string(slices.Clip(r[:maxName])) + "…"
	}
	return s
}
