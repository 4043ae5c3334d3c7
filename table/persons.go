package table

import "strings"

// persons are the people that the titles of one file are about. In many lists the
// person's own address stands beside that of a parent, a buyer or a firm.
type persons struct {
	nameless bool            // no title is that of a name
	other    map[string]bool // words that stand for another person in this file
	ldap     bool            // titles are those of a directory, which has short ones
}

// Words that may stand for the person, or for another one when the name of the person
// stands in a column of its own.
var (
	perhapsOther = strings.Fields(foldWords("contact account buyer customer client billing kontakt ansprechpartner kunde kunden besteller contacto contato contatto cliente klant klient"))
	surelyOwn    = foldedSet("student pupil learner child attendee participant candidate applicant patient guest employee registrant passenger member volunteer traveller traveler " +
		"schüler teilnehmer mitarbeiter mitglied studierende élève étudiant salarié alumno estudiante empleado alunno studente dipendente partecipante " +
		"aluno funcionário participante leerling deelnemer medewerker uczeń uczestnik pracownik öğrenci katılımcı çalışan ученик участник сотрудник")
	oneOfLDAP = foldedSet("givenname samaccountname userprincipalname objectclass telephonenumber distinguishedname dn uid mail")
	shortOnes = map[string]meaning{"sn": {LastName, prefixed}, "gn": {FirstName, prefixed}, "cn": {Name, numbered}}
)

// personsOf tells who the titles are about.
func personsOf(titles []string) persons {
	p := persons{nameless: true}
	named := map[string]bool{} // people with a name of their own, "" is the one without a word for it
	whole := map[string]bool{} // those whose name stands in one column
	for _, t := range titles {
		p.ldap = p.ldap || oneOfLDAP[fold(t)]
		means, ok := titleMeaning(t)
		if fold(t) == "accountname" {
			means, ok = meaning{Name, prefixed}, true
		}
		if !ok || means.column != Name && means.column != FirstName && means.column != LastName {
			continue
		}
		p.nameless = false
		who := ""
		for _, w := range wordsOf(t) {
			if people[w] {
				who = w
				break
			}
		}
		if named[who] = true; means.column == Name {
			whole[who] = true
		}
	}
	own := named[""] && !whole[""] // first and last name: a name alone may be that of a firm
	for who := range named {
		own = own || surelyOwn[who]
	}
	for _, w := range perhapsOther {
		if yes := own || w == "account" && len(named) > 1; yes && whole[w] {
			if p.other == nil {
				p.other = map[string]bool{}
			}
			p.other[w] = true
		}
	}
	return p
}

// titleMeaning is what a title means in this file.
func (p persons) titleMeaning(title string) (meaning, bool) {
	if p.ofOther(title) {
		return meaning{}, false
	}
	if means, ok := shortOnes[fold(title)]; ok && p.ldap {
		return means, true
	}
	return titleMeaning(title)
}

// ofOther reports whether a title begins with a word for another person.
func (p persons) ofOther(title string) bool {
	if p.other == nil {
		return false
	}
	words := wordsOf(title)
	return len(words) > 1 && p.other[words[0]]
}

// others reports whether a title is about another address than the person's.
func (p persons) others(title string) bool { return p.ofOther(title) || otherPersons(title) }
