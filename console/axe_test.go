package console

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"usher/console/axe"
)

// axe-core finds nothing on any page, in the hand or on a desk, in light or dark colors.
func TestPagesForEverybody(t *testing.T) {
	script := axe.Core(t)
	b, pages := everyPage(t)
	look := func(name, path string, width int64, theme string) {
		t.Helper()
		b.do(name, look(theme), chromedp.EmulateViewport(width, 900), chromedp.Navigate(b.base+path), chromedp.WaitReady("body"))
		found, err := axe.Findings(b.ctx, script)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			t.Errorf("%s at %d pixels, %s: %s", name, width, theme, f)
		}
	}
	screens := map[string][]int64{"light": {320, 1280}, "dark": {1280}}
	for theme, widths := range screens {
		for _, width := range widths {
			for name, path := range pages {
				look(name, path, width, theme)
			}
		}
	}
	b.do("what is wrong", chromedp.Evaluate[chromedp.Void](`document.querySelector('main').insertAdjacentHTML('beforeend', '<img src="/x">'), undefined`))
	if found, err := axe.Findings(b.ctx, script); err != nil || len(found) != 1 || !strings.HasPrefix(found[0], "image-alt (critical)") {
		t.Errorf("an image without a text: %q (%v)", found, err)
	}
	b.do("sign out", chromedp.EmulateViewport(1280, 900), chromedp.Click(".who-am-i form button"), chromedp.WaitVisible("#password"))
	for theme, widths := range screens {
		for _, width := range widths {
			look("sign-in", "/signin", width, theme)
		}
	}
}
