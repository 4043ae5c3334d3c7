package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"usher/console/bulk"
	"usher/console/logins"
	"usher/console/openapi"
	"usher/event"
)

// documentPath is where the API describes itself. It is answered without a
// sign-in: it is the same at every installation of a version and holds nothing of this
// one, and tools fetch it without credentials.
const documentPath = "/api/openapi.json"

// operation says of a route what the table of routes does not: what it takes and what
// it answers. The types are those that its handler reads and writes.
type operation struct {
	id, summary, about string
	query              []parameter
	keyed              bool           // takes an Idempotency-Key
	body               any            // nil: none
	answers            map[int]answer // those that are no problem
	problems           []code         // besides those that all routes have
}

type answer struct {
	about string
	of    any      // nil: any object
	files []string // types of a file, in place of JSON
}

type parameter struct {
	name, about string
	of          any      // a value of its type
	values      []string // all that it may be; none: any
}

// inPath says what the parameters in addresses are.
var inPath = map[string]string{
	"user_id": "the user's own key",
	"import":  "id of an import",
	"id":      "id of an operation",
}

// document is the API in the form of OpenAPI 3.1, made from the table of routes, the
// table of operations, and the Go types.
func document(base string) ([]byte, error) {
	s := schemas()
	paths := map[string]map[string]any{}
	for _, t := range apiRoutes() {
		o, ok := operations[t.method+" "+t.path]
		if !ok {
			return nil, fmt.Errorf("%s %s is in no document", t.method, t.path)
		}
		if paths[t.path] == nil {
			paths[t.path] = map[string]any{}
		}
		paths[t.path][strings.ToLower(t.method)] = o.document(t, s)
	}
	if base == "" {
		base = "/"
	}
	return json.Marshal(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "usher", "version": "1", "summary": "The console's API: who waits, decisions, imports.",
			"description": "What is refused is answered with problem details (RFC 9457) with a `code` that stays. Answers may have more properties in a later version; ignore those that you do not know. docs/api.md has examples.",
		},
		"servers":  []any{map[string]string{"url": base}},
		"security": []any{map[string][]string{"token": {}}, map[string][]string{"password": {}}},
		"paths":    paths,
		"components": map[string]any{
			"schemas": s.Components(),
			"securitySchemes": map[string]any{
				"token":    map[string]string{"type": "http", "scheme": "bearer", "description": "a token of `usher token add`"},
				"password": map[string]string{"type": "http", "scheme": "basic", "description": "name and password of an account; an installation can switch this off"},
			},
		},
	})
}

// apiRoutes are the routes of the API. That of payloads is not one: its protocol is
// Temporal's.
func apiRoutes() []route {
	return slices.DeleteFunc(routes(), func(t route) bool { return !strings.HasPrefix(t.path, "/api/") })
}

// schemas are those of the API's types.
func schemas() *openapi.Schemas {
	statuses := []string{""}
	for _, s := range event.Statuses() {
		statuses = append(statuses, string(s))
	}
	effects := []string{}
	for _, e := range event.Effects() {
		effects = append(effects, string(e))
	}
	states := []string{}
	for _, s := range []bulk.State{bulk.Waiting, bulk.Running, bulk.Done, bulk.Cancelled, bulk.Undone} {
		states = append(states, string(s))
	}
	return &openapi.Schemas{
		Values: map[reflect.Type][]string{reflect.TypeFor[event.Status](): statuses, reflect.TypeFor[event.Effect](): effects, reflect.TypeFor[bulk.State](): states},
		About:  abouts,
		Hidden: []string{"Entry.people"}, // on the way from the run to its step only
		Needed: map[string][]string{"Decision": {"decision"}, "BulkRequest": {}, "ReleaseRequest": {}},
	}
}

var placeholder = regexp.MustCompile(`\{([a-z_]+)\}`)

// document is one operation.
func (o operation) document(t route, s *openapi.Schemas) map[string]any {
	roles := []string{}
	for _, r := range logins.Having(t.right) {
		roles = append(roles, string(r))
	}
	out := map[string]any{"operationId": o.id, "summary": o.summary, "x-usher-right": string(t.right), "x-usher-roles": roles}
	if o.about != "" {
		out["description"] = o.about
	}
	if t.right == logins.Anyone {
		out["security"] = []any{}
	}
	var parameters []any
	for _, m := range placeholder.FindAllStringSubmatch(t.path, -1) {
		parameters = append(parameters, map[string]any{"name": m[1], "in": "path", "required": true, "description": inPath[m[1]], "schema": openapi.Schema{"type": "string"}})
	}
	for _, p := range o.query {
		schema := s.Of(p.of)
		if p.values != nil {
			schema["enum"] = p.values
		}
		parameters = append(parameters, map[string]any{"name": p.name, "in": "query", "description": p.about, "schema": schema})
	}
	if o.keyed {
		parameters = append(parameters, map[string]any{"name": "Idempotency-Key", "in": "header", "description": aboutKeys, "schema": openapi.Schema{"type": "string"}})
	}
	if parameters != nil {
		out["parameters"] = parameters
	}
	if o.body != nil {
		out["requestBody"] = map[string]any{"required": true, "content": content("application/json", s.Of(o.body))}
	}
	out["responses"] = o.responses(t, s)
	return out
}

func content(kind string, schema openapi.Schema) map[string]any {
	return map[string]any{kind: map[string]any{"schema": schema}}
}

// refusals are the codes with which a route refuses, by status.
func (o operation) refusals(t route) map[int][]code {
	all := []code{codeFailed}
	if t.right == logins.Anyone {
		all = nil
	}
	all = append(all, o.problems...)
	if t.right != logins.Anyone {
		all = append(all, codeSignIn, codeSlow)
	}
	if len(logins.Having(t.right)) < len(logins.Roles()) || t.right.Wide() {
		all = append(all, codeNotAllowed)
	}
	if o.body != nil {
		all = append(all, codeBody, codeTooLarge)
	}
	out := map[int][]code{}
	for _, c := range all {
		out[kinds[c].status] = append(out[kinds[c].status], c)
	}
	return out
}

// responses are all that the operation answers, those that refuse with their codes.
func (o operation) responses(t route, s *openapi.Schemas) map[string]any {
	out := map[string]any{}
	for status, a := range o.answers {
		r := map[string]any{"description": a.about}
		schema := openapi.Schema{"type": "object"}
		if a.of != nil {
			schema = s.Of(a.of)
		}
		r["content"] = content("application/json", schema)
		if a.files != nil {
			c := map[string]any{}
			for _, kind := range a.files {
				c[kind] = map[string]any{"schema": openapi.Schema{"type": "string"}}
			}
			r["content"] = c
		}
		out[strconv.Itoa(status)] = r
	}
	for status, codes := range o.refusals(t) {
		slices.Sort(codes)
		var about []string
		for _, c := range codes {
			about = append(about, fmt.Sprintf("`%s`: %s", c, kinds[c].title))
		}
		problem := openapi.Schema{"allOf": []any{s.Of(Problem{}), openapi.Schema{"properties": openapi.Schema{"code": openapi.Schema{"enum": codes}}}}}
		r := map[string]any{"description": strings.Join(about, "; "), "content": content(problemType, problem)}
		if a, ok := out[strconv.Itoa(status)].(map[string]any); ok {
			r["description"] = a["description"].(string) + "; " + r["description"].(string)
			r["content"].(map[string]any)["application/json"] = a["content"].(map[string]any)["application/json"]
		}
		out[strconv.Itoa(status)] = r
	}
	return out
}

func (k *Console) documentAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(k.document) // the client is gone
}
