package event

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Whole returns an error for each exported field of a stage's configuration that
// is empty, unless it is one of those that may be: then its comment says what
// that means. A stage that is built without one of its neighbours works, and
// does not do what it is there for, which no test of the stage alone can see; so
// constructors ask. config is a struct or a pointer to one.
func Whole(config any, mayBeEmpty ...string) error {
	v := reflect.Indirect(reflect.ValueOf(config))
	var errs []error
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.IsExported() && isEmpty(v.Field(i)) && !slices.Contains(mayBeEmpty, f.Name) {
			errs = append(errs, fmt.Errorf("%s: %s is not set, which is a fault of usher's own wiring", v.Type(), f.Name))
		}
	}
	for _, name := range mayBeEmpty {
		if _, there := v.Type().FieldByName(name); !there {
			errs = append(errs, fmt.Errorf("%s has no field %s", v.Type(), name))
		}
	}
	return errors.Join(errs...)
}

// isEmpty also sees through an interface: a nil pointer in one is not nil.
func isEmpty(v reflect.Value) bool {
	if v.IsZero() {
		return true
	}
	if v.Kind() != reflect.Interface {
		return false
	}
	in := v.Elem()
	return in.IsZero() && (in.Kind() != reflect.Struct || in.NumField() > 0)
}
