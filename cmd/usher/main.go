// Command usher onboards users: drop a list of them into a folder, and each
// ends welcomed, rejected or visibly in between.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	_ "golang.org/x/crypto/x509roots/fallback" // for images and machines without certificates of authorities

	"usher/cmd"
)

var version = "unknown" // set by the build

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cmd.Run(ctx, cmd.Main{Version: version, Embed: embed}, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
