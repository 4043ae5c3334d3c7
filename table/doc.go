// Package table reads the rows of any file that lists people: CSV in its dialects,
// JSON in three forms, Excel, each also packed. It knows no other package of
// usher.
//
// Inspect reads a file once and tells what it is by its bytes alone (file.go): what
// it is packed in (unpack.go), its encoding (encoding.go), its format or what it is
// instead of a list (kinds.go), where its columns are named (titles.go), its delimiter
// and how it is quoted (dialect.go), its sheet (sheet.go), or where in a JSON document
// the users are (jsonshape.go). Open then reads its rows one after the other (rows.go),
// and OpenAt those behind a place where reading stopped before. What stands around and
// between the rows of the list is told from them in around.go.
//
// Under the readers of text (split.go, jsonrows.go, jsonnested.go) lies one window on
// it (window.go), which copies nothing. Excel files are read from their parts:
// workbook.go finds them, xmlparts.go and texts.go read them, cells.go has the rows and
// numbers.go what a format says. Rows.Record finds the meaning of a row by the titles of
// its columns (columns.go, meaning.go, words.go, persons.go, record.go); jsonobject.go
// has the members of an object.
//
// jsonrows.go and jsonnested.go call each other: an object may hold the next one.
//
// What cannot be read is either a whole file, a *FileError, or one row, a
// *RowError beside the row, and reading goes on. Both have a stable code and a
// sentence that says how to mend it. Rows that were refused are written by Refused
// (refused.go) and read again as they are. What a person should look at all the same
// is a Warning (warning.go). What the first rows cannot show, all of them do (late.go).
//
// Limits: a line or an object of 1 MiB, a row of 64 KiB over several lines, 512
// columns, JSON nested 64 deep; packed files are read as they unpack, and what
// unpacks to more than 200 times its size is refused. Memory does not grow with the
// file. An Excel file is the exception: 8 bytes for each different text and 24 for
// each block of merged cells are held, while the texts themselves lie in the folder
// that Inspect was given when they are more than 16 MiB.
package table
