package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"usher/console/bulk"
	"usher/console/logins"
	"usher/event"
)

// Problem is what a program is told when its request was refused: problem details as
// RFC 9457 has them, with a code that stays. Error is the detail once more, which is
// what the API had before problem details.
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
	Code     string `json:"code"`
	Error    string `json:"error"`
	Matched  *int   `json:"matched,omitempty"` // of codeOtherNumber: how many match now
}

const problemType = "application/problem+json"

// problemPrefix and a code are the type of a problem: a name, and no address, so that it
// is the same at every installation.
const problemPrefix = "urn:usher:problem:"

// code names a kind of problem. It is part of the contract.
type code string

const (
	codeSignIn        code = "sign_in"
	codeNotAllowed    code = "not_allowed"
	codeNoAddress     code = "no_such_address"
	codeWrongMethod   code = "wrong_method"
	codeOrigin        code = "origin"
	codeHost          code = "host"
	codeNoUser        code = "no_such_user"
	codeNoImport      code = "no_such_import"
	codeNoOperation   code = "no_such_operation"
	codeNoLetter      code = "no_such_dead_letter"
	codeBody          code = "body"
	codeTooLarge      code = "too_large"
	codeDecision      code = "decision"
	codeCursor        code = "cursor"
	codeFilter        code = "filter"
	codeMasked        code = "masked"
	codeDay           code = "day"
	codeChoice        code = "choice"
	codeChore         code = "chore"
	codeTooManyPeople code = "too_many_people"
	codeFile          code = "file"
	codeNoOne         code = "no_one_matches"
	codeOtherNumber   code = "other_number"
	codeOver          code = "operation_over"
	codeSends         code = "operation_sends"
	codeSameRequest   code = "same_request"
	codeNotHeld       code = "not_held"
	codeFileChanged   code = "file_changed"
	codeRefused       code = "refused"
	codeTooManyOpen   code = "too_many_operations"
	codeTooMuch       code = "too_much_asked"
	codeSlow          code = "slow_down"
	codeNoRoom        code = "no_room"
	codeKey           code = "key_reused"
	codeSince         code = "since"
	codeFormat        code = "format"
	codeGone          code = "client_gone"
	codeFailed        code = "failed"
)

// kind is what all problems with one code have in common.
type kind struct {
	status int
	title  string
}

var kinds = map[code]kind{
	codeSignIn:        {http.StatusUnauthorized, "A sign-in is needed"},
	codeNotAllowed:    {http.StatusForbidden, "The role does not allow this"},
	codeNoAddress:     {http.StatusNotFound, "There is no such address"},
	codeWrongMethod:   {http.StatusMethodNotAllowed, "The address has other methods"},
	codeOrigin:        {http.StatusForbidden, "Pages of this origin may not ask"},
	codeHost:          {http.StatusMisdirectedRequest, "The console is not served under this host"},
	codeNoUser:        {http.StatusNotFound, "There is no such user"},
	codeNoImport:      {http.StatusNotFound, "There is no such import"},
	codeNoOperation:   {http.StatusNotFound, "There is no such operation"},
	codeNoLetter:      {http.StatusNotFound, "There is no such dead letter"},
	codeBody:          {http.StatusBadRequest, "The body cannot be read"},
	codeTooLarge:      {http.StatusRequestEntityTooLarge, "The body is too large"},
	codeDecision:      {http.StatusBadRequest, "This is no decision"},
	codeCursor:        {http.StatusBadRequest, "This is no cursor of the list"},
	codeFilter:        {http.StatusBadRequest, "There is no such filter"},
	codeMasked:        {http.StatusBadRequest, "The role sees masked forms"},
	codeDay:           {http.StatusBadRequest, "This is no day"},
	codeChoice:        {http.StatusBadRequest, "It is not said whom this is about"},
	codeChore:         {http.StatusBadRequest, "It is not said what to do, and with what"},
	codeTooManyPeople: {http.StatusBadRequest, "This is about too many people"},
	codeFile:          {http.StatusBadRequest, "The file was not taken"},
	codeNoOne:         {http.StatusConflict, "No one matches"},
	codeOtherNumber:   {http.StatusConflict, "Another number of people matches"},
	codeOver:          {http.StatusConflict, "The operation is over"},
	codeSends:         {http.StatusConflict, "The operation has begun to send"},
	codeSameRequest:   {http.StatusConflict, "The same request is being dealt with"},
	codeNotHeld:       {http.StatusConflict, "The import is not held"},
	codeFileChanged:   {http.StatusConflict, "The file has changed"},
	codeRefused:       {http.StatusConflict, "This was refused"},
	codeTooManyOpen:   {http.StatusTooManyRequests, "Too many operations are open"},
	codeTooMuch:       {http.StatusTooManyRequests, "Too much is asked for and not done"},
	codeSlow:          {http.StatusTooManyRequests, "Too many sign-ins have failed"},
	codeNoRoom:        {http.StatusInsufficientStorage, "There is no room"},
	codeSince:         {http.StatusBadRequest, "This is no time"},
	codeFormat:        {http.StatusBadRequest, "There is no such format"},
	codeKey:           {http.StatusUnprocessableEntity, "The key belongs to another request"},
	codeGone:          {499, "The client went away"},
	codeFailed:        {http.StatusInternalServerError, "Something went wrong"},
}

// tellables are the errors whose text may be told, with their codes.
var tellables = []struct {
	err  error
	code code
}{
	{errNone, codeNoUser}, {errNoImport, codeNoImport}, {bulk.ErrNone, codeNoOperation}, {errNoLetter, codeNoLetter},
	{errDecision, codeDecision}, {errCursor, codeCursor}, {errFilter, codeFilter}, {errMasked, codeMasked}, {errDay, codeDay}, {errChoice, codeChoice}, {errChore, codeChore}, {errTooMany, codeTooManyPeople},
	{errNoOne, codeNoOne}, {errExpect, codeOtherNumber}, {errOver, codeOver}, {errSending, codeSends}, {bulk.ErrTwice, codeSameRequest},
	{errNotHeld, codeNotHeld}, {errOther, codeFileChanged},
	{errKey, codeKey}, {errSince, codeSince}, {errFormat, codeFormat},
	{errOpen, codeTooManyOpen}, {event.ErrChoresFull, codeTooMuch}, {errSlow, codeSlow}, {bulk.ErrNoRoom, codeNoRoom},
}

// tellable maps an error to its code and to what may be told about it. What only the
// log may say is logged.
func (k *Console) tellable(err error) (code, string) {
	c, text := tellable(err)
	if c == codeFailed && k.repeats.first("a request failed", err) {
		k.Log.Error("a request failed", "error", err)
	}
	return c, text
}

func tellable(err error) (code, string) {
	var refused logins.Refusal
	var body notRead
	switch {
	case errors.As(err, &refused):
		return codeRefused, err.Error()
	case errors.As(err, &body):
		return body.code, body.Error()
	case errors.As(err, new(plainly)):
		return codeFile, err.Error()
	}
	for _, t := range tellables {
		if errors.Is(err, t.err) {
			return t.code, err.Error()
		}
	}
	if errors.Is(err, context.Canceled) {
		return codeGone, "the client went away"
	}
	return codeFailed, "something went wrong; the log says what"
}

// refuse tells a program what is wrong; details are in the log only.
func (k *Console) refuse(w http.ResponseWriter, r *http.Request, err error) {
	c, text := k.tellable(err)
	writeProblem(w, problemOf(r, c, text))
}

func problemOf(r *http.Request, c code, text string) Problem {
	k := kinds[c]
	return Problem{Type: problemPrefix + string(c), Title: k.title, Status: k.status, Detail: text, Instance: instanceOf(r), Code: string(c), Error: text}
}

func writeProblem(w http.ResponseWriter, p Problem) { writeAs(w, problemType, p.Status, p) }

func writeJSON(w http.ResponseWriter, status int, v any) {
	writeAs(w, "application/json", status, v)
}

func writeAs(w http.ResponseWriter, contentType string, status int, v any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}

// notRead is about a body that is not what its address takes.
type notRead struct {
	code code
	text string
}

func (n notRead) Error() string { return n.text }

// readJSON reads a body; wanted says what it should have been.
func readJSON(r *http.Request, into any, wanted string) error {
	err := json.NewDecoder(r.Body).Decode(into)
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return notRead{codeTooLarge, "the body is larger than this address takes, which is " + size(large.Limit)}
	case errors.Is(err, context.Canceled):
		return err
	}
	return notRead{codeBody, wanted}
}

// instanceOf is the path that a client has asked for, with the base.
func instanceOf(r *http.Request) string {
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil { // a server reads it before this
		return r.URL.EscapedPath()
	}
	return u.EscapedPath()
}
