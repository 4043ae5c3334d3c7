package table

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Caps of an Excel file.
const (
	maxWorkbook = 8 << 30  // bytes of all that is in it, unpacked
	maxInMemory = 16 << 20 // bytes of texts; more of them are kept on the disk
	maxTexts    = 1 << 24  // different texts
	maxStyles   = 1 << 17
	maxSheetRow = 1 << 20 // the last row that Excel has
	maxSheetCol = 1 << 14 // the last column
)

// workbook is an Excel file, opened: its sheets, and what cells refer to. Parts are
// found by what refers to them, as Excel does; their names count for nothing.
type workbook struct {
	ctx     context.Context
	parts   map[string]*zip.File // by name in lower case
	sheets  []sheetPart
	texts   texts
	formats []numberFormat // by the style of a cell
	since04 bool           // days are counted from 1904, as on a Mac of old

	// uncalculated says that the program that wrote the file asks for all formulas to
	// be calculated when it is opened, and that Excel has not done so yet: a result of 0
	// is no result.
	uncalculated bool
}

// sheetPart is one sheet of a workbook.
type sheetPart struct {
	name, part string
	hidden     bool
}

// close removes what was put on the disk.
func (b *workbook) close() { b.texts.close() }

// isWorkbook tells whether a ZIP is an Excel file.
func isWorkbook(r *zip.Reader) bool {
	for _, e := range r.File {
		if partName(e.Name) == "xl/workbook.xml" {
			return true
		}
	}
	return workbookPart(partsOf(r)) != ""
}

// partName is a name as parts are found by.
func partName(name string) string {
	return strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "/"))
}

func partsOf(r *zip.Reader) map[string]*zip.File {
	parts := map[string]*zip.File{}
	for _, e := range r.File {
		parts[partName(e.Name)] = e
	}
	return parts
}

// workbookPart is the name of the part that lists the sheets, "" when there is none.
func workbookPart(parts map[string]*zip.File) string {
	b := &workbook{ctx: context.Background(), parts: parts}
	rels, err := b.relations("")
	if err != nil {
		return ""
	}
	for _, r := range rels {
		if r.kind == "officedocument" && parts[partName(r.target)] != nil && strings.HasSuffix(partName(r.target), ".xml") && b.root(r.target) == "workbook" {
			return r.target
		}
	}
	return ""
}

// root is the name of a part's outermost element.
func (b *workbook) root(part string) string {
	x, err := b.open(part)
	if err != nil {
		return ""
	}
	defer x.close()
	e, err := x.element()
	if err != nil {
		return ""
	}
	return e.Name.Local
}

// openWorkbook opens an Excel file. What it unpacks goes to the folder tmp, and is
// removed when it is closed.
func openWorkbook(ctx context.Context, r *zip.Reader, size int64, tmp string) (*workbook, error) {
	var unpacked uint64
	for _, e := range r.File {
		unpacked += e.UncompressedSize64
		if e.UncompressedSize64 > maxWorkbook || unpacked > uint64(min(maxWorkbook, max(4*maxInMemory, size*maxRatio))) {
			return nil, Unusable("E_TOO_BIG", "the Excel file unpacks to more than %d times its size", maxRatio)
		}
	}
	b := &workbook{ctx: ctx, parts: partsOf(r), texts: texts{tmp: tmp}}
	main := workbookPart(b.parts)
	if main == "" {
		main = "xl/workbook.xml"
	}
	if err := b.read(main); err != nil {
		b.close()
		return nil, b.damaged(err, "the Excel file is damaged; open it in Excel, save it again and drop that")
	}
	return b, nil
}

// damaged is what an error in the XML of a part means; other errors stay as they are.
func (b *workbook) damaged(err error, sentence string) error {
	var f *FileError
	if err == nil || errors.Is(err, io.EOF) || errors.As(err, &f) || b.ctx.Err() != nil || errors.As(err, new(*diskError)) || errors.As(err, new(*fs.PathError)) {
		return err
	}
	return &FileError{"E_UNPACK", sentence}
}

// read reads all parts but the sheets.
func (b *workbook) read(main string) error {
	rels, err := b.relations(main)
	if err != nil {
		return err
	}
	if err := b.readSheets(main, rels); err != nil {
		return err
	}
	chained := false
	for _, r := range rels {
		switch r.kind {
		case "sharedstrings":
			err = b.readTexts(r.target)
		case "styles":
			err = b.readStyles(r.target)
		case "calcchain":
			chained = true
		}
		if err != nil {
			return err
		}
	}
	b.uncalculated = b.uncalculated && !chained
	if len(b.sheets) == 0 {
		return errNoPart
	}
	return nil
}

// readSheets reads the part that lists the sheets.
func (b *workbook) readSheets(main string, rels map[string]relation) error {
	x, err := b.open(main)
	if err != nil {
		return err
	}
	defer x.close()
	return x.each(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			b.since04 = isTrue(attribute(e, "date1904"))
		case "calcPr":
			b.uncalculated = isTrue(attribute(e, "fullCalcOnLoad"))
		case "sheet":
			r, there := rels[attribute(e, "id")]
			if there && r.kind == "worksheet" && b.parts[partName(r.target)] != nil && len(b.sheets) < maxEntries {
				state := attribute(e, "state")
				b.sheets = append(b.sheets, sheetPart{attribute(e, "name"), r.target, state == "hidden" || state == "veryHidden"})
			}
		}
		return nil
	})
}

// relation is a reference of one part to another, or to the outside.
type relation struct {
	kind   string // the last word of its type, in lower case
	target string // a part, or an address outside
}

// relations of a part, by their id; "" is the file itself.
func (b *workbook) relations(part string) (map[string]relation, error) {
	dir, name := path.Split(part)
	x, err := b.open(path.Join(dir, "_rels", name+".rels"))
	if errors.Is(err, errNoPart) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer x.close()
	rels := map[string]relation{}
	return rels, x.each(func(e xml.StartElement) error {
		if e.Name.Local != "Relationship" || len(rels) >= maxLinks {
			return nil
		}
		r := relation{strings.ToLower(path.Base(attribute(e, "Type"))), attribute(e, "Target")}
		if attribute(e, "TargetMode") != "External" {
			if r.target = strings.ReplaceAll(r.target, `\`, "/"); strings.HasPrefix(r.target, "/") {
				r.target = strings.TrimPrefix(r.target, "/")
			} else {
				r.target = path.Join(dir, r.target)
			}
		}
		rels[attribute(e, "Id")] = r
		return nil
	})
}

// readStyles finds the format of each style.
func (b *workbook) readStyles(part string) error {
	x, err := b.open(part)
	if errors.Is(err, errNoPart) {
		return nil
	}
	if err != nil {
		return err
	}
	defer x.close()
	codes, inCells := map[string]string{}, false
	return x.each(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmt":
			if len(codes) < maxStyles {
				codes[attribute(e, "numFmtId")] = attribute(e, "formatCode")
			}
		case "cellXfs":
			inCells = true
		case "cellStyleXfs", "cellStyles", "dxfs":
			inCells = false
		case "xf":
			if inCells && len(b.formats) < maxStyles {
				b.formats = append(b.formats, formatOf(attribute(e, "numFmtId"), codes))
			}
		}
		return nil
	})
}

// format of a style; one that is not there is that of a plain number.
func (b *workbook) format(style int) numberFormat {
	if style < 0 || style >= len(b.formats) {
		return numberFormat{}
	}
	return b.formats[style]
}

var errNoPart = fmt.Errorf("the Excel file lacks a part that it refers to")
