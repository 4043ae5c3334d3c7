package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
)

// assets are the style and the scripts, compressed once. Their address has a hash of
// them all, so that browsers keep them for ever and modules find one another by
// relative names.
type assets struct {
	hash string
	of   map[string]asset // by name
}

type asset struct {
	kind              string // media type
	plain, compressed []byte
}

// loadAssets reads what is embedded.
func loadAssets() assets {
	a := assets{of: map[string]asset{}}
	h := sha256.New()
	names, err := fs.Glob(files, "pages/*.*s") // css and js
	if err == nil {
		slices.Sort(names)
		for _, name := range names {
			var b []byte
			if b, err = files.ReadFile(name); err != nil {
				break
			}
			h.Write(b)
			var z bytes.Buffer
			w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression) // fails only for a level that there is not
			_, _ = w.Write(b)                                     // memory takes everything
			_ = w.Close()
			kind := "text/css; charset=utf-8"
			if path.Ext(name) == ".js" {
				kind = "text/javascript; charset=utf-8"
			}
			a.of[path.Base(name)] = asset{kind, b, z.Bytes()}
		}
	}
	if err != nil {
		panic("console: the pages are embedded: " + err.Error())
	}
	a.hash = hex.EncodeToString(h.Sum(nil))[:16]
	return a
}

// url is the address of an asset.
func (a assets) url(name string) string { return "/static/" + a.hash + "/" + name }

// ServeHTTP answers under any hash, for a page that an earlier version made; only its
// own may be kept.
func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	dir, name := path.Split(strings.TrimPrefix(r.URL.Path, "/static/"))
	x, ok := a.of[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", x.kind)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if dir == a.hash+"/" {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := x.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = x.compressed
	}
	_, _ = w.Write(body) // the client is gone
}
