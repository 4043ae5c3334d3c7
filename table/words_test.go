package table

import "testing"

// Titles say what they mean word by word, and one unknown word makes them mean nothing.
// Issue 18: other people's addresses became the person's own.
func TestTitlesWordByWord(t *testing.T) {
	for title, want := range map[string]string{
		"Email - Work": "email", "Person - Email - Home": "email", "Work Contact: Work Email": "email", "Correo electrónico alumno": "email",
		"E-mail leerling": "email", "Email élève": "email", "E-Mail des Schülers": "email", "E-mail ucznia": "email", "Email of student": "email",
		"Enter your email": "email", "Email adresi": "email", "Employee - Work email": "email", "2. E-mail": "email", "Email (optional)": "email",
		"Phone - Mobile": "phone", "Personal Contact: Personal Mobile": "phone", "work_mobile": "phone", "m_phone": "phone", "Tél. portable élève": "phone",
		"Legal Name - First Name": "first_name", "Employee Last Name": "last_name", "Requester Name": "name", "DEFAULT_LOCALE": "locale",

		"Kontakt-E-Mail": "email", "Official Email": "email", "Email for notifications": "email", "E-mail para contato": "email", "Контактный email": "email",
		"Telefon mobil": "phone", "Celular/WhatsApp": "phone", "N° de téléphone": "phone", "Mob. No": "phone", "Telefoonnummer mobiel": "phone", "Моб. телефон": "phone",
		"Vor- und Nachname": "name", "Nome e Cognome": "name", "First & Last Name": "name", "Фамилия Имя": "name", "Name (First)": "first_name", "Name (Last)": "last_name",
		"Phone (Mobile)": "phone", "Email (private)": "email", "Email ID": "email",

		"Business Name": "", "University Name": "", "Field Name": "", "Registration Name": "", "Notification Name": "", "School Name": "", "Name of school": "",
		"Teacher Email": "", "Parent Email": "", "Manager Email": "", "Guardian Phone": "", "Emergency Contact Phone": "", "Guardianemail": "",
		"Introduced By Email": "", "Booker Email": "", "Travel Agent Email": "", "manager.email": "", "Who is your manager? (email)": "", "Email of your doctor": "",
		"E-mail do responsável": "", "Téléphone mère": "", "E-Mail Erziehungsberechtigte": "", "Mobil Mutter": "", "Notfalltelefon": "", "Teléfono del tutor": "",
		"Telefon rodzica": "", "Veli cep telefonu": "", "Телефон родителя": "", "保護者メールアドレス": "", "Mobiel ouder": "", "Cellulare genitore": "",
		"Company Phone": "", "Commit Email": "", "external_email": "", "Email Marketing Consent": "", "Email status": "", "School Email Domain": "",
		"Student ID number": "", "Account Manager": "", "Group Name": "", "Middle name": "", "Mobile app version": "", "Last Name Changed": "",
		"Parent/Guardian E-mail": "", "Emergency Contact: Mobile Phone": "", "Spouse (email)": "", "Mobile phone model": "", "Phone country code": "",
	} {
		got := ""
		means, ok := titleMeaning(title)
		if !ok {
			means, ok = guessMeaning(title)
		}
		if ok {
			got = columnNames[means.column]
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", title, got, want)
		}
	}
}

// An error names titles only when they are no user: reports name no person.
func TestOnlyTitlesAreNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		rows [][]string
		want bool
	}{
		"titles":                       {[][]string{{"Wer", "Erreichbar"}, {"Ann", "ann@example.org"}, {"Bob", ""}, {"Cem", "cem@example.org"}}, true},
		"a user with an address":       {[][]string{{"Ann", "ann@example.org"}, {"Bob", "bob@example.org"}}, false},
		"a user without one":           {[][]string{{"Ann", ""}, {"Bob", "bob@example.org"}, {"Cem", "cem@example.org"}}, false},
		"a user with a word for none":  {[][]string{{"Ann", "N/A"}, {"Bob", "bob@example.org"}, {"Cem", "cem@example.org"}}, false},
		"users who cannot be reached":  {[][]string{{"Ann", "Lee"}, {"Bob", "Poe"}}, false},
		"a user with a number":         {[][]string{{"Ann", "+4915112345671"}, {"Bob", "+4915112345672"}}, false},
		"titles and numbers below":     {[][]string{{"Wer", "Nummer"}, {"Bob", "+4915112345672"}}, true},
		"a user and addresses by turn": {[][]string{{"Ann", "Lee"}, {"Bob", "bob@example.org"}, {"Cem", "x"}, {"Dan", "y"}}, false},
	} {
		var rows []Row
		for _, cells := range tc.rows {
			rows = append(rows, Row{cells: cells})
		}
		if got := surelyTitles(rows); got != tc.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
