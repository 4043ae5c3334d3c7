package docs

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"usher/doctor"
)

func TestDoctorPageIsOfTheCatalogue(t *testing.T) {
	was, err := os.ReadFile("doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	now, err := Doctor(was)
	if err != nil || !bytes.Equal(was, now) {
		t.Errorf("doctor.md is not what `make generate` writes: %v", err)
	}
}

// Each code is told once and stays: scripts name them.
func TestCodesOfTheDoctor(t *testing.T) {
	code, seen := regexp.MustCompile(`^DR0[1-8]\d\d$`), map[string]bool{}
	for _, c := range doctor.Checks() {
		if !code.MatchString(c.Code) || seen[c.Code] {
			t.Errorf("code %s: twice, or of another form", c.Code)
		}
		if seen[c.Code] = true; c.Title == "" || c.Do == "" || c.Category == "" {
			t.Errorf("%s does not say everything", c.Code)
		}
	}
}

func TestTablesAreThoseOfTheConsole(t *testing.T) {
	for page, generate := range map[string]func([]byte) ([]byte, error){"security.md": Security, "api.md": API} {
		was, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		now, err := generate(was)
		if err != nil || !bytes.Equal(was, now) {
			t.Errorf("%s is not what `make generate` writes: %v", page, err)
		}
	}
}
