package notify

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
)

//go:embed templates
var embedded embed.FS

// Builtin are the templates that come with usher: PURPOSE/LOCALE/FILE.
func Builtin() fs.FS {
	sub, err := fs.Sub(embedded, "templates")
	if err != nil {
		panic("notify: the templates are embedded: " + err.Error())
	}
	return sub
}

// Files of one template in one language.
const (
	fileSubject = "subject.txt"
	fileText    = "mail.txt"
	fileHTML    = "mail.html"
	fileSMS     = "sms.txt"
)

var files = []string{fileSubject, fileText, fileSMS, fileHTML}

// fileSettings of a purpose stands beside its languages, and may be left out.
const fileSettings = "template.yaml"

// settings of a purpose.
type settings struct {
	OnUnknown string `yaml:"on_unknown"` // hold: never send it again when it is not known whether it went out
	Fallback  string `yaml:"fallback"`   // the fallback language; default en
}

// content is a rendered message.
type content struct {
	subject, text, html, sms string
	attachments              []Attachment
}

// templates are all purposes in all languages.
type templates struct {
	byPurpose map[string]*localised
}

type localised struct {
	settings
	locales []string // fallback first
	matcher language.Matcher
	sets    map[string]*set
}

type set struct {
	dir     string
	version string
	text    map[string]*texttemplate.Template
	html    *htmltemplate.Template
}

// loadTemplates parses every file and renders it with hostile recipients. A
// purpose that own has takes the place of the one that comes with usher, with all
// its languages, so that no one gets a text that the deployment never saw. own
// may be nil. Errors name the file and, where there is one, the line.
func loadTemplates(own fs.FS) (*templates, error) {
	t := &templates{byPurpose: map[string]*localised{}}
	builtin := Builtin()
	purposes, err := names(builtin, ".")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	from := map[string]fs.FS{}
	for _, p := range purposes {
		from[p] = builtin
	}
	var errs []error
	if own != nil {
		mine, err := names(own, ".")
		if err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		for _, p := range mine {
			if from[p] == nil {
				errs = append(errs, fmt.Errorf("%s: usher sends no message of this name; there is %s", p, strings.Join(purposes, ", ")))
				continue
			}
			from[p] = own
		}
	}
	for _, p := range slices.Sorted(maps.Keys(from)) {
		l, err := loadPurpose(from[p], p)
		if err == nil {
			err = l.try()
		}
		errs = append(errs, err)
		t.byPurpose[p] = l
	}
	return t, errors.Join(errs...)
}

// names lists a folder without hidden files.
func names(f fs.FS, dir string) (out []string, err error) {
	entries, err := fs.ReadDir(f, dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out, err
}

func loadPurpose(f fs.FS, purpose string) (*localised, error) {
	l := &localised{sets: map[string]*set{}, settings: settings{Fallback: "en"}}
	found, err := names(f, purpose)
	if err != nil {
		return nil, err
	}
	if i := slices.Index(found, fileSettings); i >= 0 {
		found = slices.Delete(found, i, i+1)
		if err := l.settings.load(f, path.Join(purpose, fileSettings)); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(found, l.Fallback) {
		return nil, fmt.Errorf("%s: it has no folder %s, the fallback language; add it, or name another one with `fallback: LANGUAGE` in %s/%s", purpose, l.Fallback, purpose, fileSettings)
	}
	l.locales = append([]string{l.Fallback}, slices.DeleteFunc(found, func(n string) bool { return n == l.Fallback })...)
	var tags []language.Tag
	var errs []error
	for _, locale := range l.locales {
		dir := path.Join(purpose, locale)
		tag, err := language.Parse(locale)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: it is not named after a language such as de or pt-BR", dir))
			continue
		}
		tags = append(tags, tag)
		l.sets[locale], err = loadSet(f, dir)
		errs = append(errs, err)
	}
	l.matcher = language.NewMatcher(tags)
	return l, errors.Join(errs...)
}

func (s *settings) load(f fs.FS, name string) error {
	b, err := fs.ReadFile(f, name)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(s); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", name, plainYAML(err))
	}
	switch s.OnUnknown {
	case "", Resend, Hold:
		return nil
	}
	return fmt.Errorf("%s: on_unknown is %q, it must be %s or %s", name, s.OnUnknown, Resend, Hold)
}

func loadSet(f fs.FS, dir string) (*set, error) {
	s := &set{dir: dir, text: map[string]*texttemplate.Template{}}
	found, err := names(f, dir)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, n := range found {
		if !slices.Contains(files, n) {
			errs = append(errs, fmt.Errorf("%s: no such file belongs to a template; its files are %s", path.Join(dir, n), strings.Join(files, ", ")))
		}
	}
	sum := sha256.New()
	for _, name := range files {
		full := path.Join(dir, name) // so that errors name the file
		b, err := fs.ReadFile(f, full)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: it is missing; each language needs %s", full, strings.Join(files, ", ")))
			continue
		}
		if i := firstInvalid(b); i >= 0 {
			errs = append(errs, fmt.Errorf("%s:%d: it is not UTF-8", full, 1+bytes.Count(b[:i], []byte("\n"))))
			continue
		}
		sum.Write(b)
		if name == fileHTML {
			s.html, err = htmltemplate.New(full).Option("missingkey=error").Parse(string(b))
		} else {
			s.text[name], err = texttemplate.New(full).Option("missingkey=error").Parse(string(b))
		}
		if err != nil {
			errs = append(errs, plainTemplate(err))
		}
	}
	s.version = hex.EncodeToString(sum.Sum(nil)[:4])
	return s, errors.Join(errs...)
}

func firstInvalid(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

var (
	templatePrefix = regexp.MustCompile(`^(html/)?template: ?`)
	goType         = regexp.MustCompile(` in type notify\.\w+`)
)

// plainTemplate is what the library says, beginning with file and line.
func plainTemplate(err error) error {
	return errors.New(goType.ReplaceAllString(templatePrefix.ReplaceAllString(err.Error(), ""), " of a recipient"))
}

// maxSegments is what a text message may have: services take no more.
const maxSegments = 10

// try renders every language for recipients of the kind that breaks templates.
func (l *localised) try() error {
	var errs []error
	for _, locale := range l.locales {
		s := l.sets[locale]
		for _, who := range hostile() {
			c, err := s.render(who)
			if err != nil {
				errs = append(errs, plainTemplate(err))
				break
			}
			if n := CountSegments(c.sms); n.Count > maxSegments {
				errs = append(errs, fmt.Errorf("%s/%s: for a long name it makes %d text messages in one, %d at most are taken", s.dir, fileSMS, n.Count, maxSegments))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// match finds the language for a person; what is not understood gets the
// fallback. The matcher's index counts, because its tag may name a variant that
// no folder has, and its confidence, because it always names some language.
func (t *templates) match(purpose, locale string) string {
	l, ok := t.byPurpose[purpose]
	if !ok {
		return ""
	}
	want, err := language.Parse(strings.ReplaceAll(locale, "_", "-"))
	if err != nil {
		return l.Fallback
	}
	_, i, confidence := l.matcher.Match(want)
	if confidence < language.Low {
		return l.Fallback
	}
	return l.locales[i]
}

func (t *templates) version(purpose, locale string) string {
	if l, ok := t.byPurpose[purpose]; ok && l.sets[locale] != nil {
		return purpose + "/" + locale + "@" + l.sets[locale].version
	}
	return purpose
}

func (t *templates) holds(purpose string) bool {
	l, ok := t.byPurpose[purpose]
	return ok && l.OnUnknown == Hold
}

// render renders all parts. A pinned language that is gone falls back.
func (t *templates) render(purpose, locale string, p person) (content, error) {
	l, ok := t.byPurpose[purpose]
	if !ok {
		return content{}, fmt.Errorf("there is no template %q", purpose)
	}
	s := l.sets[locale]
	if s == nil {
		s = l.sets[l.Fallback]
	}
	return s.render(p)
}

func (s *set) render(p person) (content, error) {
	var c content
	for _, part := range []struct {
		file string
		into *string
		exec func(io.Writer, any) error
	}{
		{fileSubject, &c.subject, s.text[fileSubject].Execute}, {fileText, &c.text, s.text[fileText].Execute},
		{fileSMS, &c.sms, s.text[fileSMS].Execute}, {fileHTML, &c.html, s.html.Execute},
	} {
		var b strings.Builder
		if err := part.exec(&b, p); err != nil {
			return content{}, err
		}
		*part.into = strings.TrimSpace(b.String())
		if *part.into == "" {
			return content{}, fmt.Errorf("%s/%s:1: it is empty", s.dir, part.file)
		}
	}
	if i := strings.IndexAny(c.subject, "\r\n"); i >= 0 {
		return content{}, fmt.Errorf("%s/%s:2: a subject has one line", s.dir, fileSubject)
	}
	return c, nil
}

// runtimeError keeps the place and drops values of the recipient, which the
// library may quote.
func runtimeError(err error) error {
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
