package table

import (
	"regexp"
	"strings"
)

// Rounded reports whether s is what a spreadsheet makes of a long
// number.
func Rounded(s string) bool {
	return strings.IndexByte(s, '+') > 0 && excelNumber.MatchString(s) // nearly nothing has a sign inside
}

var excelNumber = regexp.MustCompile(`^\d([.,]\d+)?[eE]\+\d+$`)

// FailedFormula reports whether s is what a spreadsheet shows where a formula
// failed.
func FailedFormula(s string) bool {
	return s != "" && s[0] == '#' && excelError[s] || len(s) == len("Err:502") && libreOfficeError.MatchString(s)
}

// libreOfficeError is what LibreOffice writes into CSV for errors that Excel has no
// name for.
var libreOfficeError = regexp.MustCompile(`^Err:\d{3}$`)

// excelError are the names of errors in a cell.
var excelError = map[string]bool{"#N/A": true, "#REF!": true, "#NAME?": true, "#VALUE!": true, "#DIV/0!": true, "#NULL!": true, "#NUM!": true, "#SPILL!": true, "#CALC!": true}
