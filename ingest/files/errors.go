package files

import (
	"errors"
	"io/fs"
	"os"
)

// Reason is an error of the file system without the path, which may name people.
func Reason(err error) error {
	for {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			return joinOf(joined.Unwrap(), Reason)
		}
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// Pathless is err with reasons instead of errors of the file system; what is none
// stays as it is.
func Pathless(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	if !errors.As(err, &path) && !errors.As(err, &link) {
		return err
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joinOf(joined.Unwrap(), Pathless)
	}
	return Reason(err)
}

func joinOf(errs []error, each func(error) error) error {
	out := make([]error, len(errs))
	for i, err := range errs {
		out[i] = each(err)
	}
	return errors.Join(out...)
}
