package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
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
		return errors.New("say what to make: deb, image or root")
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
	variant := flags.String("variant", full, "of the image: full, with the servers of usher up, or slim")
	binaries := map[string]string{} // of an image, by architecture
	for _, a := range []string{"amd64", "arm64"} {
		flags.Func(a, "usher for this architecture of the image", func(name string) error { binaries[a] = name; return nil })
	}
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
	case "image":
		if len(binaries) == 0 {
			return errors.New("-amd64 or -arm64 is needed")
		}
		name, err := b.image(binaries, *variant, *to)
		if err != nil {
			return err
		}
		of, err := digest(strings.TrimSuffix(name, ".tar"))
		if err == nil {
			fmt.Println(name, of)
		}
		return err
	case "root":
		return b.root(*binary, *to)
	}
	return fmt.Errorf("%s: nothing of that name is shipped; say deb, image or root", args[0])
}
