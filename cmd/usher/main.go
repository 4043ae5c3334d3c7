// Command usher onboards users: drop a list of them into a folder, and each
// ends welcomed, rejected or visibly in between.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "usher: nothing to run yet")
	os.Exit(2)
}
