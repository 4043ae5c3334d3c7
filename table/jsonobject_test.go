package table

import (
	"slices"
	"testing"
)

func TestWholeNumbersAreWrittenWithoutDecimalsAndExponents(t *testing.T) {
	for in, want := range map[string]string{
		"4915112345671.0": "4915112345671", "1.7012345E9": "1701234500", "4.15555012E9": "4155550120", "1.0E7": "10000000", "-2.0": "-2", "0.0": "0",
		"4915112345671.0000001": "4915112345671", // sqlite3
		"4.91511E+12":           "4.91511E+12",   // a spreadsheet has rounded it
		"52.5200066":            "52.5200066", "1.5E-3": "1.5E-3", "1E400": "1E400", "100": "100", "0.10000000000000000555": "0.10000000000000000555", "1.5E0": "1.5E0",
	} {
		if got := plainNumber(in); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}

func TestWhatDatabasesWriteAroundValuesIsTakenOff(t *testing.T) {
	for in, want := range map[string][]member{
		`{"_id":{"$oid":"5f"},"phone":{"$numberLong":"4915112345671"},"at":{"$date":{"$numberLong":"1764324000000"}},"on":{"$date":"2026-11-28T10:00:00Z"},"n":{"$numberInt":7}}`: {{"_id", "5f"}, {"phone", "4915112345671"}, {"at", "2025-11-28T10:00:00Z"}, {"on", "2026-11-28T10:00:00Z"}, {"n", "7"}},
		`{"Item":{"email":{"S":"a@x.org"},"age":{"N":"30"},"vip":{"BOOL":true},"no":{"NULL":true},"tags":{"L":[]}}}`:                                                              {{"email", "a@x.org"}, {"age", "30"}, {"vip", "true"}, {"no", ""}, {"tags", `{"L":[]}`}},
		`{"_id":"e-1","_source":{"email":"a@x.org","_id":"in"}}`:                                                                                                                  {{"outer _id", "e-1"}, {"email", "a@x.org"}, {"_id", "in"}},
		`{"email":"a@x.org","manager":{"email":"b@x.org"}}`:                                                                                                                       {{"email", "a@x.org"}, {"manager", `{"email":"b@x.org"}`}},
		`{"name":"A","home":{"phone":"+491"},"work":{"phone":"+492"}}`:                                                                                                            {{"name", "A"}, {"home", `{"phone":"+491"}`}, {"work", `{"phone":"+492"}`}},
	} {
		got, err := readObject(in)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q %v, want %q", in, got, err, want)
		}
	}
}
