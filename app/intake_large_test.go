package app

import (
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/event"
)

// A file of 200 MB is received and looked at in the memory of a small one. A regression
// of issue 16.
func TestALargeUploadTakesNoMemory(t *testing.T) {
	const size, most = 200 << 20, 64 << 20 // bytes of the file, and of memory beside what is there anyway
	d := startDesk(t, false, nil)
	block := []byte(strings.Repeat("somebody@example.org,A name of some length,+4915112345678\n", 1000))
	pr, pw := io.Pipe()
	w := multipart.NewWriter(pw)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		err := w.WriteField("inbox", "inbox")
		part, err2 := w.CreateFormFile("file", "large.csv")
		if err == nil {
			err = err2
		}
		if err == nil {
			_, err = io.WriteString(part, "email,name,phone\n")
		}
		for sent := 0; err == nil && sent < size; sent += len(block) {
			_, err = part.Write(block)
		}
		if err == nil {
			err = w.Close()
		}
		pw.CloseWithError(err)
	})

	runtime.GC()
	var before, peak runtime.MemStats
	runtime.ReadMemStats(&before)
	ctx, stop := context.WithCancel(t.Context())
	sampled := make(chan struct{})
	go func() {
		defer close(sampled)
		for event.Sleep(ctx, 20*time.Millisecond) {
			var now runtime.MemStats
			if runtime.ReadMemStats(&now); now.HeapInuse > peak.HeapInuse {
				peak = now
			}
		}
	}()
	code, _, at := d.ask("POST", "/uploads", w.FormDataContentType(), pr)
	if code != http.StatusOK {
		t.Fatalf("the upload: %d", code)
	}
	page := ""
	d.eventually("it is looked at", func() bool {
		_, page = d.page("GET", at, nil)
		return strings.Contains(page, "How it was read")
	})
	stop()
	<-sampled
	if !strings.Contains(page, "209.7 MB") {
		t.Errorf("the size is not shown:\n%s", page)
	}
	if used := int64(peak.HeapInuse) - int64(before.HeapInuse); used > most {
		t.Errorf("%d MB were used for a file of %d MB", used>>20, size>>20)
	}
	d.page("POST", at, url2("do", "discard"))
	if left := d.left(d.uploads); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}
