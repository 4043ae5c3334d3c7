// Package openapi describes Go types as JSON Schemas, as an OpenAPI 3.1 document has
// them: each as encoding/json writes it, so a document cannot say what the code does
// not. It knows the kinds of types that the console's API has, and panics on others.
package openapi

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Schema is a JSON Schema.
type Schema = map[string]any

// Schemas makes schemas of types. Structs with a name become components.
type Schemas struct {
	Values map[reflect.Type][]string // all values of a type that is a text
	About  map[string]string         // what a property means, by "Type.property", a type as Name has it
	Hidden []string                  // properties that are never answered, by "Type.property"
	Needed map[string][]string       // what a type that is sent must have, by its name; of others what is always written

	defs  map[string]Schema
	types map[string]reflect.Type
	used  map[string]bool // of About
}

// Prefix stands before the name of a component where it is referred to.
const Prefix = "#/components/schemas/"

// Of is the schema of a value's type: a reference for a struct with a name.
func (s *Schemas) Of(v any) Schema { return s.of(reflect.TypeOf(v)) }

// Components are the schemas that Of has referred to.
func (s *Schemas) Components() map[string]Schema { return s.defs }

// Unused are the entries of About that no type has used.
func (s *Schemas) Unused() (out []string) {
	for _, name := range slices.Sorted(maps.Keys(s.About)) {
		if !s.used[name] {
			out = append(out, name)
		}
	}
	return out
}

// Name is the name of a type as a component, which begins with a capital letter.
func Name(t reflect.Type) string { return strings.ToUpper(t.Name()[:1]) + t.Name()[1:] }

var timeType = reflect.TypeFor[time.Time]()

func (s *Schemas) of(t reflect.Type) Schema {
	if values, ok := s.Values[t]; ok {
		return Schema{"type": "string", "enum": values}
	}
	if t == timeType {
		return Schema{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return Schema{"type": "string"}
	case reflect.Bool:
		return Schema{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return Schema{"type": "integer"}
	case reflect.Float64:
		return Schema{"type": "number"}
	case reflect.Slice:
		return Schema{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return Schema{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.component(t)
	}
	panic(fmt.Sprintf("openapi: there is no schema for %s", t))
}

func (s *Schemas) component(t reflect.Type) Schema {
	name := Name(t)
	if s.defs == nil {
		s.defs, s.types, s.used = map[string]Schema{}, map[string]reflect.Type{}, map[string]bool{}
	}
	if other, ok := s.types[name]; ok && other != t {
		panic(fmt.Sprintf("openapi: %s and %s would be one component", other, t))
	}
	if _, ok := s.defs[name]; !ok {
		s.types[name] = t
		s.defs[name] = Schema{} // a type may hold itself
		s.defs[name] = s.object(name, t)
	}
	return Schema{"$ref": Prefix + name}
}

// object is a struct. What may be left out is not required.
func (s *Schemas) object(name string, t reflect.Type) Schema {
	properties, required := Schema{}, []string{}
	for _, f := range fields(t) {
		at := name + "." + f.name
		if slices.Contains(s.Hidden, at) {
			continue
		}
		p := s.of(f.of)
		for _, at := range []string{at, Name(f.in) + "." + f.name} {
			if about, ok := s.About[at]; ok {
				p["description"] = about
				s.used[at] = true
				break
			}
		}
		properties[f.name] = p
		if !f.optional {
			required = append(required, f.name)
		}
	}
	out := Schema{"type": "object", "properties": properties}
	if needed, ok := s.Needed[name]; ok {
		required = needed
	}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

type field struct {
	name     string
	of, in   reflect.Type
	optional bool
}

// fields are those that encoding/json writes, the outer ones before those of embedded
// structs, of which they hide others of the same name.
func fields(t reflect.Type) (out []field) {
	var inner []reflect.Type
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _ := f.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			inner = append(inner, f.Type)
		case !f.IsExported() || name == "-":
		case name == "":
			panic(fmt.Sprintf("openapi: %s.%s has no name in JSON", t, f.Name))
		default:
			out = append(out, field{name, f.Type, t, strings.Contains(options, "omit")})
		}
	}
	for _, t := range inner {
		for _, f := range fields(t) {
			if !slices.ContainsFunc(out, func(o field) bool { return o.name == f.name }) {
				out = append(out, f)
			}
		}
	}
	return out
}
