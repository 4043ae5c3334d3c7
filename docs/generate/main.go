// Command generate writes the parts of docs/ that are made from the code. Run it
// from the project's root.
package main

import (
	"fmt"
	"os"

	"usher/docs"
)

func main() {
	const path = "docs/architecture.md"
	was, err := os.ReadFile(path)
	if err == nil {
		was, err = docs.Architecture(".", was)
	}
	if err == nil {
		err = os.WriteFile(path, was, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
