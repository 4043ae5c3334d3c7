package account

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"

	"usher/event"
)

const testToken = "a-bearer-token"

// provider is a service provider of SCIM: the protocol is that of a server
// implementation that others use, the accounts are in memory.
type provider struct {
	mu       sync.Mutex
	accounts map[string]*stored
	last     int

	noPatch, noVersions bool
	behind              int // searches that show no account yet
}

type stored struct {
	attributes scim.ResourceAttributes
	version    int
}

// newProvider starts one behind the faults.
func newProvider(t *testing.T, f *faults) (*provider, string) {
	p := &provider{accounts: map[string]*stored{}}
	server, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{SupportFiltering: true, SupportPatch: true},
		ResourceTypes:         []scim.ResourceType{{ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(), Handler: p}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+testToken:
			w.WriteHeader(http.StatusUnauthorized)
		case p.noPatch && r.Method == http.MethodPatch:
			w.WriteHeader(http.StatusNotImplemented)
		default:
			http.StripPrefix("/scim", server).ServeHTTP(w, r)
		}
	})
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return p, s.URL + "/scim/v2"
}

func (p *provider) usable(userID string) (usable, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.accounts {
		if a.attributes["externalId"] == userID {
			all++
			if a.attributes["active"] == true {
				usable++
			}
		}
	}
	return usable, all
}

// add keeps an account that another client made.
func (p *provider) add(attributes scim.ResourceAttributes) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	id := strconv.Itoa(p.last)
	p.accounts[id] = &stored{attributes, 1}
	return id
}

func (p *provider) resource(id string) scim.Resource {
	a := p.accounts[id]
	r := scim.Resource{ID: id, Attributes: maps.Clone(a.attributes)}
	if !p.noVersions {
		r.Meta.Version = fmt.Sprintf(`W/"%d"`, a.version)
	}
	return r
}

// find checks that the account is there, and as the request expects it.
func (p *provider) find(r *http.Request, id string) (*stored, error) {
	a, ok := p.accounts[id]
	if !ok {
		return nil, scimerrors.ScimErrorResourceNotFound(id)
	}
	if m := r.Header.Get("If-Match"); m != "" && m != fmt.Sprintf(`W/"%d"`, a.version) {
		return nil, scimerrors.ScimError{Status: http.StatusPreconditionFailed}
	}
	return a, nil
}

// The methods of scim.ResourceHandler.

func (p *provider) Create(_ *http.Request, attributes scim.ResourceAttributes) (scim.Resource, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.accounts {
		if a.attributes["userName"] == attributes["userName"] {
			return scim.Resource{}, scimerrors.ScimErrorUniqueness
		}
	}
	p.last++
	id := strconv.Itoa(p.last)
	p.accounts[id] = &stored{attributes, 1}
	return p.resource(id), nil
}

func (p *provider) Get(r *http.Request, id string) (scim.Resource, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.find(r, id); err != nil {
		return scim.Resource{}, err
	}
	return p.resource(id), nil
}

func (p *provider) GetAll(_ *http.Request, params scim.ListRequestParams) (scim.Page, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	page := scim.Page{Resources: []scim.Resource{}}
	if p.behind > 0 {
		p.behind--
		return page, nil
	}
	for id, a := range p.accounts {
		if params.FilterValidator == nil || params.FilterValidator.PassesFilter(a.attributes) == nil {
			page.Resources = append(page.Resources, p.resource(id))
		}
	}
	page.TotalResults = len(page.Resources)
	return page, nil
}

func (p *provider) Replace(r *http.Request, id string, attributes scim.ResourceAttributes) (scim.Resource, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, err := p.find(r, id)
	if err != nil {
		return scim.Resource{}, err
	}
	a.attributes = attributes
	a.version++
	return p.resource(id), nil
}

func (p *provider) Delete(r *http.Request, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.find(r, id); err != nil {
		return err
	}
	delete(p.accounts, id)
	return nil
}

func (p *provider) Patch(r *http.Request, id string, operations []scim.PatchOperation) (scim.Resource, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, err := p.find(r, id)
	if err != nil {
		return scim.Resource{}, err
	}
	for _, o := range operations {
		if o.Op != scim.PatchOperationReplace || o.Path == nil || o.Path.String() != "active" {
			return scim.Resource{}, scimerrors.ScimErrorInvalidPath
		}
		a.attributes["active"] = o.Value
	}
	a.version++
	return p.resource(id), nil
}

var ada = event.User{UserID: "u-1.ada", Name: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace", Email: "ada@example.org", Phone: "+4915112345678", Locale: "en-GB"}
