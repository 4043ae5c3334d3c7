package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

var (
	errNoImport = errors.New("there is no such import")
	errNotHeld  = errors.New("this import is not held")
	errOther    = errors.New("the file has changed since this page was shown; look at it again")
)

// release lets a held import go, or refuses it. digest is that of the bytes that the
// person saw, "" for the ones that are held now.
func (k *Console) release(ctx context.Context, actor, id, digest string, refuse bool) error {
	i, err := k.model.importOf(ctx, id)
	switch {
	case err != nil:
		return err
	case i.State != event.ImportHeld:
		return errNotHeld
	case digest != "" && digest != i.Digest:
		return errOther
	}
	r := event.Release{Import: id, Source: i.Source, Digest: i.Digest, Refuse: refuse, Actor: actor, At: time.Now().UTC()}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	msg := nats.NewMsg(r.Subject())
	msg.Data = data
	msg.Header.Set("Nats-Rollup", "sub")
	msg.Header.Set("Nats-TTL", event.ReleaseKept.String())
	// A client that goes away now must not leave a release that is in no record.
	stored, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if _, err := k.JetStream.PublishMsg(stored, msg, jetstream.WithExpectStream(event.StreamUsers)); err != nil {
		return fmt.Errorf("the release was not stored: %w", err)
	}
	k.audit(ctx, "release", actor, map[string]string{"import": id, "source": i.Source, "sha256": i.Digest, "refuse": fmt.Sprint(refuse)})
	return nil
}

// releaseForm releases a held import, and shows the imports again.
func (k *Console) releaseForm(w http.ResponseWriter, r *http.Request) {
	refuse := r.PostFormValue("refuse") != ""
	err := k.release(r.Context(), whoAsks(r).actor(), r.PathValue("import"), r.PostFormValue("sha256"), refuse)
	message := "Released: it is imported in a moment."
	switch {
	case errors.Is(err, errNotHeld), errors.Is(err, errOther):
		message = "Nothing was done: " + err.Error() + "."
	case err != nil:
		k.fail(w, r, err)
		return
	case refuse:
		message = "Refused: it is given back in a moment."
	}
	k.sessions.Put(r.Context(), "message", message)
	http.Redirect(w, r, "/imports", http.StatusSeeOther)
}

// releaseRequest is the body of a release by a program.
type releaseRequest struct {
	Digest string `json:"sha256"`
	Refuse bool   `json:"refuse"`
}

// released is the answer to it.
type released struct {
	Result string `json:"result"`
}

// releaseAPI is releaseForm for programs.
func (k *Console) releaseAPI(w http.ResponseWriter, r *http.Request) {
	var body releaseRequest
	if err := readJSON(r, &body, `the body is not JSON; {} releases what is held, {"refuse": true} gives it back`); err != nil {
		k.refuse(w, r, err)
		return
	}
	if err := k.release(r.Context(), whoAsks(r).actor(), r.PathValue("import"), body.Digest, body.Refuse); err != nil {
		k.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, released{map[bool]string{false: "released", true: "refused"}[body.Refuse]})
}
