// Package table reads the rows of any file that lists people: CSV in its dialects,
// JSON in three forms, Excel, each also packed. It knows no other package of
// usher.
//
// Inspect reads a file once and tells what it is by its bytes alone (file.go): what
// it is packed in (unpack.go), its encoding (encoding.go), its format, its
// delimiter (dialect.go) or its sheet (sheet.go). Open then reads its rows one after
// the other (rows.go), and OpenAt those behind a place where reading stopped before.
// Under the readers of each format (split.go, jsonrows.go, sheet.go) lies one
// window on the text (window.go), which copies nothing. Rows.Record finds the
// meaning of a row by the titles of its columns (columns.go, record.go).
//
// What cannot be read is either a whole file, a *FileError, or one row, a
// *RowError beside the row, and reading goes on. Both have a stable code and a
// sentence that says how to mend it. Rows that were refused are written by Refused
// (refused.go) and read again as they are. What a person should look at all the same
// is a Warning (warning.go).
//
// Limits: a line or an object of 1 MiB, a row of 64 KiB over several lines, 512
// columns, JSON nested 64 deep; packed files are read as they unpack, and what
// unpacks to more than 200 times its size is refused. Memory does not grow with the file. An Excel file is the exception: the
// library keeps parts of up to 16 MiB in memory and the others in the folder that
// Inspect was given.
package table
