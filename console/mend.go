package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// mostMended is room for the rows of a page, each character as a form sends it.
const mostMended = 4 << 20

// rowsFile is the refused or the skipped rows, as the watcher wrote them: cells that a
// spreadsheet would take for a formula have an apostrophe before them.
func (k *Console) rowsFile(w http.ResponseWriter, r *http.Request) {
	i, err := k.importOf(r)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	kind, ok := strings.CutSuffix(r.PathValue("kind"), ".csv")
	if !ok || kind != RefusedRows && kind != SkippedRows {
		http.NotFound(w, r)
		return
	}
	f, err := k.Intake.Rows(i, kind)
	if err != nil {
		k.fail(w, r, tell(err))
		return
	}
	defer f.Close()
	k.audit(r.Context(), "download", whoAsks(r).actor(), map[string]string{"import": i.ID, "source": i.Source, "rows": kind})
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", attachment(i.File+"."+kind+".csv"))
	http.ServeContent(w, r, "", time.Time{}, f)
}

// attachment names a download whatever the name is: in letters that every browser
// takes as they are, and as it is (RFC 6266).
func attachment(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, plain, strings.ReplaceAll(url.QueryEscape(strings.ToValidUTF8(name, "_")), "+", "%20"))
}

// mendPage shows the refused rows of an import as fields.
func (k *Console) mendPage(w http.ResponseWriter, r *http.Request) {
	i, err := k.importOf(r)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	s, err := k.Intake.Mendable(i)
	if err != nil {
		k.fail(w, r, tell(err))
		return
	}
	k.show(w, r, http.StatusOK, "mend", map[string]any{"Title": "Mend " + i.File, "I": i, "Sheet": s})
}

// mendForm sends the rows again as they are in the form.
func (k *Console) mendForm(w http.ResponseWriter, r *http.Request) {
	i, err := k.importOf(r)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	s, err := k.Intake.Mendable(i)
	if err == nil {
		err = r.ParseForm()
	}
	if err != nil {
		k.fail(w, r, tell(err))
		return
	}
	u, err := k.Intake.Mended(r.Context(), i, whoAsks(r).actor(), mended(s, r.PostForm))
	if err != nil {
		k.fail(w, r, tell(err))
		return
	}
	k.audit(r.Context(), "mend", whoAsks(r).actor(), map[string]string{"import": i.ID, "source": i.Source, "sha256": u.Digest, "upload": u.ID})
	k.firstStep(w, r, u, Step{Import: true})
}

// mended are the rows with what a form has in place of their cells.
func mended(s Sheet, form url.Values) Sheet {
	out := Sheet{Columns: s.Columns}
	for n, rw := range s.Rows {
		row := strconv.Itoa(n)
		if form.Get("out"+row) != "" {
			continue
		}
		cells := make([]string, len(rw.Cells))
		for c, was := range rw.Cells {
			cells[c] = was
			if v, there := form["r"+row+"c"+strconv.Itoa(c)]; there {
				cells[c] = strings.ReplaceAll(v[0], "\r\n", "\n") // as forms send lines
			}
		}
		rw.Cells = cells
		out.Rows = append(out.Rows, rw)
	}
	return out
}
