package forget

import (
	"testing"

	"usher/event"
)

// A message is a person's when it says so; one about another user is not, whatever
// else stands in it.
func TestMarksAbout(t *testing.T) {
	m := &Marks{IDs: []string{"7", "email"}, Emails: []string{"al@xn--bcher-kva.example"}, Phones: []string{"+493098765432"}, Names: []string{"al ng"}}
	for body, want := range map[string]string{
		`{"user_id":"7"}`: "about",
		`{"user_id":7,"reason":"a number is no id, but it is meant"}`:             "about",
		`{"email":" AL@Bücher.example"}`:                                          "about",
		`{"email":"al\u0040xn--bcher-kva.example","user_id":"8"}`:                 "about",
		`{"user_id":"al@bücher.example"}`:                                         "about",
		`{"name":"Al Ng","phone":"030 98765432"}`:                                 "about",
		`{"mail":"al@bücher.example"}`:                                            "about",
		`{"email":"al@bücher.example",`:                                           "about", // no JSON
		`{"name":"Al Ng",`:                                                        "about",
		`{"user_id":"8","channel":"email","n":7}`:                                 "",
		`{"user_id":"8","reason":"final, as Al said"}`:                            "",
		`{"user_id":"8","phone":"+493098765432"}`:                                 "mentioned", // of a family
		`{"user_id":"8","actor":"al@bücher.example"}`:                             "mentioned",
		`{"email":"other@example.org","name":"Al Ng"}`:                            "mentioned",
		`{"email":"other@example.org","name":"Al Ng",`:                            "mentioned",
		`{"data":{"user_id":"8"},"attributes":{"manager":"al@bücher.example"}}`:   "mentioned",
		`{"email":"xal@bücher.example"}`:                                          "",
		`{"email":"al@bücher.example.org","reason":"Sal Ngo calls 330 98765432"}`: "",
	} {
		about, mentioned := m.About([]byte(body))
		got := map[bool]string{true: "mentioned"}[mentioned]
		if about {
			got += "about"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// A person is known by the whole name and by its parts put together, which need not
// be the same; one part alone is not enough.
func TestMarksOfTheParts(t *testing.T) {
	var m Marks
	m.add(event.User{UserID: "7", Name: "Dr. A. Ng", GivenName: "Al", FamilyName: "Ng", Email: "al@example.org"})
	m.add(event.User{UserID: "7", Name: "Quill", FamilyName: "Quill", Email: "al@example.org"})
	for text, want := range map[string]string{
		"dr a ng is ill": "name", "7;AL;Ng;x": "name", "Al wrote": "", "Ng wrote": "", "Quill wrote": "",
	} {
		if got := m.InText(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
