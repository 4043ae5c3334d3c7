// Command generate writes the parts of docs/ that are made from the code. Run it
// from the project's root.
package main

import (
	"errors"
	"fmt"
	"os"

	"usher/docs"
)

func main() {
	err := errors.Join(
		write("docs/architecture.md", func(was []byte) ([]byte, error) { return docs.Architecture(".", was) }),
		write("docs/delivery.md", docs.Delivery),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write makes a document anew from what it was.
func write(path string, anew func(was []byte) ([]byte, error)) error {
	text, err := os.ReadFile(path)
	if err == nil {
		text, err = anew(text)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	return err
}
