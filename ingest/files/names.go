package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// Names lists a folder, a chunk at a time: it may hold a million of them.
func Names(root *os.Root, dir string, each func(name string)) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		some, err := d.Readdirnames(1000)
		for _, n := range some {
			each(n)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Clean is a name as it may be shown and stored: a file is called what its
// dropper likes, line breaks, terminal controls and bytes that are no text among
// it.
func Clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar { // IsPrint knows no space but U+0020
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	return Short(name)
}

// Short leaves room for what is added to a name.
func Short(name string) string {
	const most = 180
	if len(name) <= most {
		return name
	}
	ext := filepath.Ext(name)
	if len(ext) > 16 {
		ext = ""
	}
	return strings.ToValidUTF8(name[:most-len(ext)], "") + ext
}
