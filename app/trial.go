package app

import (
	"errors"

	"usher/notify"
)

// Trial is one message through the providers that these settings name, or through the
// catcher of the `usher up` that runs on the data folder.
func (d Delivery) Trial(data string) (t notify.Trial, err error) {
	running, err := FindRunning(data)
	if err != nil && !errors.Is(err, ErrNotRunning) {
		return t, err
	}
	t.Allowed = d.AllowRecipients
	if t.Providers, err = d.providers(running); err != nil {
		return t, err
	}
	t.Templates, err = d.Content.fs()
	return t, err
}

// Preview is a message as its recipient would see it.
func (c Content) Preview(purpose, locale, name string, attributes map[string]string) (notify.Preview, error) {
	p, err := c.previews()
	if err != nil {
		return notify.Preview{}, err
	}
	return p.Render(purpose, locale, name, "u-1001", attributes)
}
