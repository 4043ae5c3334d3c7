package table

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Refused rows are read as they were, whatever their cells and titles hold, and are
// the same when they are written again without a change.
func TestRefusedRowsAreReadAsTheyWere(t *testing.T) {
	want := Mendable{Columns: []string{"=title", "e-mail", "'@x", "note"}, Rows: []MendableRow{
		{Number: 1, Line: 2, Cells: []string{"=1+1", "no", "-", "a\nb"}, Codes: []string{"E_EMAIL_SYNTAX", "E_PHONE_INVALID"}, Fields: []string{"email", "phone"}, Reason: "one; two"},
		{Number: 7, Line: 9, Cells: []string{"'=1", "", "+4915112345678", `"quoted", and more`}, Codes: []string{"E_REQUIRED"}, Reason: "three"},
	}}
	var b bytes.Buffer
	out, err := NewRefused(&b, want.Columns)
	if err != nil {
		t.Fatal(err)
	}
	for i, errs := range [][]RowError{{{"E_EMAIL_SYNTAX", "email", "one"}, {"E_PHONE_INVALID", "phone", "two"}}, {{"E_REQUIRED", "", "three"}}} {
		if err := out.Add(Record{Number: want.Rows[i].Number, Line: want.Rows[i].Line}, want.Rows[i].Cells, errs); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	written := b.String()
	got, err := ReadRefused(&b, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Rows {
		if len(got.Rows[i].Fields) == 0 {
			got.Rows[i].Fields = nil
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var again bytes.Buffer
	if err := got.Write(&again); err != nil {
		t.Fatal(err)
	}
	second, err := ReadRefused(&again, 2)
	if err != nil || !cmp.Equal(second.Columns, got.Columns) || !cmp.Equal(second.Rows[0].Cells, got.Rows[0].Cells) || !cmp.Equal(second.Rows[1].Cells, got.Rows[1].Cells) {
		t.Errorf("written again: %+v %v", second, err)
	}
	if _, err := ReadRefused(bytes.NewBufferString(written), 1); !errors.Is(err, ErrManyRows) {
		t.Errorf("too many: %v", err)
	}
	for _, other := range []string{"", "email\na@example.org\n", "email,_row\n"} {
		if _, err := ReadRefused(bytes.NewBufferString(other), 9); err == nil {
			t.Errorf("%q was read", other)
		}
	}
}
