package console

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"usher/event"
)

// mostListed is how many files the page lists, the newest.
const mostListed = 200

// importsPage shows how the files stand, and takes new ones.
func (k *Console) importsPage(w http.ResponseWriter, r *http.Request) {
	if id := r.URL.Query().Get("import"); id != "" { // as earlier pages linked to it
		http.Redirect(w, r, "/imports/"+id, http.StatusSeeOther)
		return
	}
	position := k.live.position()
	imports, err := k.model.imports(r.Context(), mostListed)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	s := sightOf(r.Context())
	d := map[string]any{
		"Title": "Imports", "Live": position, "Imports": imports,
		"Refresh": slices.ContainsFunc(imports, Import.Work), "Message": k.sessions.PopString(r.Context(), "message"),
	}
	if k.Intake != nil {
		inboxes := slices.DeleteFunc(k.Intake.Inboxes(), func(i Inbox) bool { return !s.sees(i.Name) })
		uploads := slices.DeleteFunc(k.Intake.Uploads(), func(u Upload) bool { return !s.sees(u.Inbox) })
		d["Folders"], d["Uploads"] = inboxes, uploads
	}
	d["Here"] = k.Intake != nil
	k.show(w, r, http.StatusOK, "imports", d)
}

// importOf is the import that a request is about, as far as its sender sees it.
func (k *Console) importOf(r *http.Request) (Import, error) {
	return k.model.importOf(r.Context(), r.PathValue("import"))
}

// importPage shows one import with its report.
func (k *Console) importPage(w http.ResponseWriter, r *http.Request) {
	position := k.live.position()
	i, err := k.importOf(r)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	d := map[string]any{
		"Title": i.File, "Live": position, "I": i, "Refresh": i.Work(), "Here": k.Intake != nil,
		"Message": k.sessions.PopString(r.Context(), "message"),
	}
	if i.Done && k.Intake != nil {
		report, err := k.Intake.Report(i)
		switch {
		case err == nil:
			d["Report"] = report
		case event.IsPermanent(err) && i.Next == "": // its last rows are stored, and its report comes
		case event.IsPermanent(err):
			d["NoReport"] = sentence(err)
		default:
			_, text := k.tellable(err)
			d["NoReport"] = sentence(errors.New(text))
		}
	}
	k.show(w, r, http.StatusOK, "import", d)
}

// againForm takes the file of an import once more.
func (k *Console) againForm(w http.ResponseWriter, r *http.Request) {
	i, err := k.importOf(r)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	u, err := k.Intake.Again(r.Context(), i, whoAsks(r).actor())
	if err != nil {
		k.fail(w, r, tell(err))
		return
	}
	k.audit(r.Context(), "redrop", whoAsks(r).actor(), map[string]string{"import": i.ID, "source": i.Source, "sha256": u.Digest, "upload": u.ID})
	k.firstStep(w, r, u, Step{Import: r.PostFormValue("columns") == ""})
}

// firstStep does the first step of an upload that was made of an import, and shows it.
func (k *Console) firstStep(w http.ResponseWriter, r *http.Request, u Upload, s Step) {
	ctx, cancel := context.WithTimeout(r.Context(), waitForStep)
	defer cancel()
	if _, err := k.Intake.Step(ctx, u.ID, s); err != nil {
		k.fail(w, r, tell(err))
		return
	}
	to := "/uploads/" + u.ID
	if !s.Import {
		to += "?columns=yes"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
