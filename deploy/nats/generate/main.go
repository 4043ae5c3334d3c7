// Command generate writes the server configuration from the table of rights. Run it
// from the project's root.
package main

import (
	"fmt"
	"os"

	"usher/deploy/nats"
)

func main() {
	if err := os.WriteFile(nats.File, nats.Conf(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
