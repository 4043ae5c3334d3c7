package table

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"os"
)

// text returns the file's characters as UTF-8; done lets go of what that needs.
func (t File) text(ctx context.Context, f *os.File) (r io.Reader, done func(), err error) {
	done = func() {}
	r = until(ctx, io.NewSectionReader(f, 0, 1<<62))
	if t.Packed != "" {
		u, err := unpack(ctx, f, t.Size, t.Packed)
		if err != nil {
			return nil, nil, err
		}
		r, done = u, u.close
	}
	if t.bom > 0 {
		if _, err := io.CopyN(io.Discard, r, int64(t.bom)); err != nil {
			done()
			return nil, nil, err
		}
	}
	return Decode(r, t.Encoding), done, nil
}

// workbook opens an Excel file, which may be packed itself; done closes it and
// removes what was unpacked to the disk.
func (t File) workbook(ctx context.Context, f *os.File) (book *workbook, done func(), err error) {
	if err := os.MkdirAll(t.tmp, 0o700); err != nil {
		return nil, nil, err
	}
	size := t.Size
	drop := func() {}
	if t.Packed != "" {
		if f, size, err = t.unpackTo(ctx, f); err != nil {
			return nil, nil, err
		}
		drop = func() { _ = f.Close() }
	}
	r, err := zip.NewReader(within{f, size}, size)
	if err != nil || !isWorkbook(r) {
		drop()
		return nil, nil, Unusable("E_FORMAT", "the file inside is neither a list of users nor an Excel file; drop it unpacked")
	}
	if book, err = openWorkbook(ctx, r, size, t.tmp); err != nil {
		drop()
		return nil, nil, err
	}
	return book, func() { book.close(); drop() }, nil
}

// unpackTo unpacks the file to the disk. The copy has no name, so nothing is left
// of it when it is closed.
func (t File) unpackTo(ctx context.Context, f *os.File) (*os.File, int64, error) {
	u, err := unpack(ctx, f, t.Size, t.Packed)
	if err != nil {
		return nil, 0, err
	}
	defer u.close()
	out, err := os.CreateTemp(t.tmp, "unpacked-")
	if err != nil {
		return nil, 0, err
	}
	size, err := io.Copy(out, u)
	if err = errors.Join(err, os.Remove(out.Name())); err != nil {
		return nil, 0, errors.Join(err, out.Close())
	}
	return out, size, nil
}
