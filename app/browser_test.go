package app

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"usher/console/axe"
)

// deskTab is a page in Debian's Chromium.
type deskTab struct {
	*uploadDesk
	ctx context.Context
}

// browse opens the console of a desk in a browser.
func (d *uploadDesk) browse(scripts bool) deskTab {
	d.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			d.Fatal("chromium is needed: apt-get install chromium")
		}
		d.Skip("needs Debian's package chromium")
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(d.Context(), o...)
	d.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	d.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts it
		d.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	d.Cleanup(cancel)
	b := deskTab{d, ctx}
	if !scripts {
		b.do("no scripts", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			return err
		}))
	}
	b.do("sign in", chromedp.Navigate(d.base+"/imports"), chromedp.WaitVisible("#password"), chromedp.SendKeys("#password", deskPassword+kb.Enter), chromedp.WaitVisible("header nav"))
	return b
}

func (b deskTab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		b.Fatalf("%s: %v\n%s", what, err, text)
	}
}

// is waits until an expression of the page is true.
func (b deskTab) is(what, expression string) {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")")) // fails between two pages
		if ok && err == nil {
			return
		}
		if time.Now().After(deadline) {
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("location.href + document.body.innerText"))
			b.Fatalf("%s: %s: %v\n%s\n%s", what, expression, err, text, b.log.String())
		}
	}
}

// shows waits until the page shows all of the texts.
func (b deskTab) shows(want ...string) {
	b.Helper()
	for _, w := range want {
		b.is(fmt.Sprintf("it shows %q", w), fmt.Sprintf("document.querySelector('main')?.innerText.includes(%q)", w))
	}
}

// choose writes a file and chooses it in the form of the page.
func (b deskTab) choose(name, content string) {
	b.Helper()
	path := filepath.Join(b.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		b.Fatal(err)
	}
	b.do("choose "+name, chromedp.WaitVisible("#file"), chromedp.SetUploadFiles("#file", []string{path}))
}

// An operator's way with a list, in a browser with scripts and in one without: upload,
// look at what was refused, mend it on the page and send it again.
func TestUploadMendAndSendAgainInABrowser(t *testing.T) {
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			d := startDesk(t, false, nil)
			b := d.browse(scripts)
			b.do("imports", chromedp.Navigate(b.base+"/imports"))
			b.shows("Upload a list", "No file yet")
			b.choose("people.csv", "user_id,email,name\nu-1,ann@example.org,Ann\nu-2,ben example.org,Ben\n")
			b.do("check", chromedp.Click(`#upload button[value=check]`), chromedp.WaitVisible(`button[value=import]`))
			b.shows("1 would be published", "1 would be refused", "E_EMAIL_SYNTAX", "line 3, email", "Nothing was published")
			if n := len(b.imports()); n != 0 {
				t.Errorf("a check has made %d imports", n)
			}
			b.do("import", chromedp.Click(`button[value=import]`))
			if !scripts {
				b.imported("people.csv") // its page comes anew by itself
				b.do("see it", chromedp.Navigate(b.base+"/imports/"+b.imports()["people.csv"].ID))
			}
			b.is("the import is shown", `location.pathname.startsWith('/imports/')`)
			b.shows("archived", "uploaded by admin", "1 published", "1 refused", "E_EMAIL_SYNTAX", "How it was read")
			b.do("mend", chromedp.Click(`a[href$="/mend"]`), chromedp.WaitVisible("#r0c1"))
			b.shows("Line 3", "there is no @ in the address")
			b.do("correct it", chromedp.SetValue("#r0c1", "ben@example.org"), chromedp.Click("form.mend button.good"))
			if i := b.imported("people-mended.csv"); i.Published != 1 || i.Refused != 0 || i.UploadedBy != "admin" {
				t.Errorf("the mended rows: %+v", i)
			}
			if scripts {
				b.is("the import of the mended rows is shown", `location.pathname.startsWith('/imports/')`)
				b.shows("people-mended.csv", "archived", "1 published")
			}
		})
	}
}

// A file that is dropped anywhere on the page is imported; several are, one after the
// other; and one that broke off, or that the console does not take, is said.
func TestFilesAreDroppedOnThePage(t *testing.T) {
	d := startDesk(t, false, func(_, web *Config) { web.MaxUpload = 1000 })
	b := d.browse(true)
	drop := func(what, files string) {
		t.Helper()
		b.do("imports", chromedp.Navigate(b.base+"/imports"), chromedp.WaitVisible("#upload"))
		b.is("the page is ready", `document.documentElement.dataset.keys`)
		b.is(what, `(() => {
			const t = new DataTransfer();
			for (const [name, text] of `+files+`) t.items.add(new File([text], name));
			for (const e of ['dragenter', 'drop']) document.body.dispatchEvent(new DragEvent(e, { dataTransfer: t, bubbles: true, cancelable: true }));
			return true;
		})()`)
	}
	drop("drop one", `[['one.csv', 'email\none@example.org\n']]`)
	b.is("its import is shown", `location.pathname.startsWith('/imports/')`)
	b.shows("one.csv", "archived", "1 published", "uploaded by admin")
	drop("drop two", `[['two.csv', 'email\ntwo@example.org\n'], ['three.csv', 'email\nthree@example.org\n']]`)
	for _, name := range []string{"two.csv", "three.csv"} {
		if i := b.imported(name); i.Published != 1 {
			t.Errorf("%s: %+v", name, i)
		}
	}
	b.is("the imports are shown again", `location.pathname === '/imports' && document.querySelectorAll('.import').length === 3`)
	drop("drop a large one", `[['large.csv', 'email\n' + 'a@example.org\n'.repeat(1000)]]`)
	b.is("it is said", `document.getElementById('told').textContent.includes('larger than')`)
	if len(d.left(d.uploads)) > 0 || len(d.imports()) != 3 {
		t.Errorf("what is too large is kept: %v", d.left(d.uploads))
	}
}

// What a list and its name hold is shown as text, wherever it is shown, and nothing of
// it runs.
func TestNothingOfAnUploadRuns(t *testing.T) {
	d := startDesk(t, false, nil)
	const evil = `<img src=x onerror="document.title='ran'"><script>document.title='ran'</script>`
	quoted := `"` + strings.ReplaceAll(evil, `"`, `""`) + `"`
	list := "user_id,email,name,phone,locale," + quoted + "\n" +
		"u-1,ann@example.org," + quoted + ",,de," + quoted + "\n" +
		quoted + "," + quoted + "," + quoted + "," + quoted + "," + quoted + "," + quoted + "\n"
	name := `<img src=x onerror=alert(1)>"';--.csv`
	kind, body := d.uploadForm("inbox", "check", "NAME", list)
	_, page, at := d.ask("POST", "/uploads", kind, strings.NewReader(strings.Replace(string(body), "NAME", strings.ReplaceAll(name, `"`, `\"`), 1)))
	if !strings.Contains(page, "&lt;img") {
		t.Errorf("at %s:\n%s", at, page)
	}
	b := d.browse(true)
	visit := func(path string) {
		t.Helper()
		b.do("visit "+path, chromedp.Navigate(b.base+path), chromedp.WaitReady("main h1"))
		b.is("nothing ran at "+path, `document.title !== 'ran' && !document.querySelector('main img, main script')`)
	}
	visit(at)
	visit(at + "?columns=yes")
	visit("/imports")
	d.page("POST", at, url2("do", "import"))
	file := ""
	d.eventually("it is imported", func() bool {
		for f, i := range d.imports() {
			file = f
			return i.Done && i.Next != ""
		}
		return false
	})
	i := d.imports()[file]
	if i.Published != 1 || i.Refused != 1 {
		t.Errorf("%+v", i)
	}
	for _, path := range []string{"/imports", "/imports/" + i.ID, "/imports/" + i.ID + "/mend", "/users", "/users/u-1"} {
		visit(path)
	}
	resp, err := d.client.Get(d.base + "/imports/" + i.ID + "/rows/refused.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if at := resp.Header.Get("Content-Disposition"); strings.ContainsAny(strings.TrimPrefix(at, `attachment; filename="`), "<>'\r\n") && !strings.Contains(at, "UTF-8''%3Cimg") || resp.Header.Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Errorf("the download: %v", resp.Header)
	}
}

// brokenWords are words that stand on two lines. The id of an import has more letters than
// a small screen has room for in bold.
const brokenWords = `(() => {
	const out = [];
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; n = walk.nextNode();) {
		if (!n.parentElement.checkVisibility() || n.parentElement.closest('.id, option')) continue;
		for (const m of n.data.matchAll(/(?<![\p{L}\p{N}])[\p{L}\p{N}]{2,26}(?![\p{L}\p{N}])/gu)) {
			const r = document.createRange();
			r.setStart(n, m.index);
			r.setEnd(n, m.index + m[0].length);
			if (new Set([...r.getClientRects()].map((x) => Math.round(x.top))).size > 1) out.push(m[0]);
		}
	}
	return out;
})()`

// The pages about files are no wider than the screen and break no word, whatever a list
// is called and holds, and axe-core finds nothing on them. USHER_SCREENSHOTS=DIR keeps
// pictures for people. A regression of issue 16.
func TestPagesAboutFilesFitEveryScreen(t *testing.T) {
	d := startDesk(t, false, func(watch, web *Config) {
		hr := t.TempDir()
		watch.Inbox = map[string]string{"human-resources-department": hr}
		web.Inbox = map[string]string{"human-resources-department": hr, "away": filepath.Join(hr, "gone")}
	})
	const long = "EMEA_onboarding_candidates_2026-11-29_final_v2_corrected.csv"
	d.upload("import", long, "user_id,Email Address [Required],Mobile Phone,Vorname,Nachname,Kostenstelle und Abteilung,password\n"+
		"employee-2026-0001,ada.lovelace@subsidiary.example.org,+4915112345678,Ada,Lovelace,Research and development,x\nemployee-2026-0002,no address,4711,Maximilian-Alexander,von Württemberg-Hohenzollern,\"two\nlines\",x\n")
	done := d.imported(long)
	_, unsure := d.upload("import", "unsure.csv", "Kontakt,Wer,Arbeitsunfähigkeitsbescheinigung\nann@example.org,Ann,nein\n")
	_, checked := d.upload("check", "checked.csv", "user_id,email,name\nu-1,ann@example.org,Ann\nu-2,ben,Ben\n")
	d.eventually("it is checked", func() bool { _, page := d.page("GET", checked, nil); return strings.Contains(page, "would be refused") })
	if err := os.WriteFile(filepath.Join(d.data, "inbox", "half-of-it.csv.filepart"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := d.browse(true)
	shots := os.Getenv("USHER_SCREENSHOTS")
	pages := map[string]string{"imports": "/imports", "import": "/imports/" + done.ID, "mend": "/imports/" + done.ID + "/mend", "unsure": unsure, "checked": checked}
	script := axe.Core(t)
	for _, width := range []int64{320, 768, 1280} {
		for _, theme := range []string{"light", "dark"} {
			if shots == "" && theme != "light" && width < 1280 { // words are as wide in every theme
				continue
			}
			for name, path := range pages {
				b.do(name, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
					_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
					return err
				}), chromedp.EmulateViewport(width, 900), chromedp.Navigate(b.base+path), chromedp.WaitVisible("#main"))
				b.is(name+" fits", fmt.Sprintf("document.documentElement.dataset.keys && document.documentElement.scrollWidth <= %d", width))
				words, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](brokenWords))
				if err != nil || len(words) > 0 {
					t.Errorf("%s at %d pixels breaks %q, %v", name, width, words, err)
				}
				found, err := axe.Findings(b.ctx, script)
				if err != nil || len(found) > 0 {
					t.Errorf("%s at %d pixels, %s: %q, %v", name, width, theme, found, err)
				}
				if shots == "" {
					continue
				}
				picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				if err == nil {
					err = os.WriteFile(filepath.Join(shots, fmt.Sprintf("%s-%d-%s.png", name, width, theme)), picture, 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
