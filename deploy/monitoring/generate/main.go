// Command generate writes the files that deploy/monitoring makes. Run it from
// the project's root.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"usher/deploy/monitoring"
)

func main() {
	files, err := monitoring.Files()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for path, content := range files {
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, content, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
