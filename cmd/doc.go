// Package cmd is usher's command line: flags, environment and usher.yaml into
// settings, signals into an end, errors into a sentence and an exit code. It
// does nothing else, so a test calls Run as a shell would.
package cmd
