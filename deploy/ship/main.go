package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "ship: %v\n", err)
		os.Exit(1)
	}
}

// build is one usher that is shipped.
type build struct {
	Root    string    // of usher's sources
	Version string    // as `git describe` says it
	Time    time.Time // of its commit, which every file in the package has
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("say what to make: deb")
	}
	flags := flag.NewFlagSet("ship "+args[0], flag.ContinueOnError)
	var b build
	flags.StringVar(&b.Root, "root", "../..", "folder of usher's sources")
	flags.StringVar(&b.Version, "version", "", "version of the binary, as git describes it")
	seconds := flags.Int64("time", 0, "time of all files, in seconds of Unix")
	to := flags.String("to", "", "where the result goes")
	binary := flags.String("binary", "", "usher for the package's architecture")
	host := flags.String("host-binary", "", "usher that runs here, for the manual page; the binary itself if it is not given")
	arch := flags.String("arch", "amd64", "architecture of the package, as Go names it")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if b.Version == "" || *seconds <= 0 || *to == "" {
		return errors.New("-version, -time and -to are needed")
	}
	b.Time = time.Unix(*seconds, 0).UTC()
	switch args[0] {
	case "deb":
		if *host == "" {
			*host = *binary
		}
		name, err := b.deb(*binary, *host, *arch, *to)
		if err == nil {
			fmt.Println(name)
		}
		return err
	}
	return fmt.Errorf("%s: nothing of that name is shipped; say deb", args[0])
}
