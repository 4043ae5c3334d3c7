package openapi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct {
	N    int    `json:"n"`
	Name string `json:"name"`
}

type outer struct {
	inner
	Name  string            `json:"name,omitempty"` // hides that of inner
	At    time.Time         `json:"at,omitzero"`
	Of    map[string]inner  `json:"of"`
	List  []outer           `json:"list,omitempty"`
	One   *inner            `json:"one,omitempty"`
	Words map[string]string `json:"words,omitempty"`
	Kind  kind              `json:"kind"`
	Not   string            `json:"-"`
	never string
}

type kind string

func TestSchemasAreWhatJSONWrites(t *testing.T) {
	s := Schemas{
		Values: map[reflect.Type][]string{reflect.TypeFor[kind](): {"a", "b"}},
		About:  map[string]string{"Outer.name": "a name", "Inner.n": "a number", "Outer.gone": "nothing"},
		Hidden: []string{"Outer.words"},
		Needed: map[string][]string{"Inner": {"n"}},
	}
	if ref := s.Of(outer{never: "x"}); ref["$ref"] != "#/components/schemas/Outer" {
		t.Errorf("%v", ref)
	}
	got, err := json.Marshal(s.Components())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Inner":{"properties":{"n":{"description":"a number","type":"integer"},"name":{"type":"string"}},"required":["n"],"type":"object"},` +
		`"Outer":{"properties":{"at":{"format":"date-time","type":"string"},"kind":{"enum":["a","b"],"type":"string"},` +
		`"list":{"items":{"$ref":"#/components/schemas/Outer"},"type":"array"},"n":{"description":"a number","type":"integer"},` +
		`"name":{"description":"a name","type":"string"},` +
		`"of":{"additionalProperties":{"$ref":"#/components/schemas/Inner"},"type":"object"},"one":{"$ref":"#/components/schemas/Inner"}},` +
		`"required":["of","kind","n"],"type":"object"}}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if left := s.Unused(); len(left) != 1 || left[0] != "Outer.gone" {
		t.Errorf("unused: %v", left)
	}
}

func TestATypeWithoutASchemaIsNoSilentGap(t *testing.T) {
	for what, v := range map[string]any{
		"there is no schema for chan int": struct {
			C chan int `json:"c"`
		}{},
		"has no name in JSON": struct{ A int }{},
	} {
		func() {
			defer func() {
				if p, ok := recover().(string); !ok || !strings.Contains(p, what) {
					t.Errorf("%T: %v, want %q", v, p, what)
				}
			}()
			s := Schemas{}
			s.object("X", reflect.TypeOf(v))
		}()
	}
}
