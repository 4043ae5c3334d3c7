package table

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A title that is none of titlesOf is looked at word by word. It means what its words
// say only when each of them is known: "Email - Work" and "Person - Email" are the
// person's own, and one unknown word, as in "Teacher Email", may make it another one's.

// saysNothing are words for the people of a list. Before or behind a title they do not
// change what it means.
var saysNothing = strings.Fields("user contact customer member person employee subscriber billing attendee participant client student applicant candidate registrant guest staff profile account primary main your my buyer " +
	"requester respondent submitter recipient patient passenger pupil learner volunteer donor worker associate traveller traveler resident tenant people legal preferred default current " +
	"shipping delivery kontakt kontakts ansprechpartner ansprechpartnerin contacto contato contatto contactpersoon kontaktowy kontaktowa контактный контактная " +
	"benutzer nutzer kunde kunden mitglied mitglieds mitglieder teilnehmer teilnehmers mitarbeiter mitarbeiters schüler schülers schülerin studierende gast empfänger patient bewerber besteller " +
	"utilisateur client membre participant élève étudiant salarié employé invité abonné contact " +
	"usuario cliente miembro socio alumno estudiante empleado participante invitado contacto paciente " +
	"utente studente alunno dipendente partecipante iscritto ospite contatto " +
	"utilizador aluno funcionário membro convidado colaborador hóspede " +
	"gebruiker klant lid leerling student medewerker deelnemer gast cursist " +
	"użytkownik użytkownika klient klienta uczeń ucznia student studenta pracownik pracownika uczestnik uczestnika członek członka " +
	"kullanıcı müşteri üye öğrenci çalışan personel katılımcı " +
	"пользователь пользователя клиент клиента ученик ученика студент студента сотрудник сотрудника участник участника")

// little are words that mean nothing by themselves, and ask for what follows.
var little = foldedSet("the of a an and or for to in please enter required optional valid best own who s is are can we have what and which " +
	"der die das des dem den im bitte angeben eingeben deine dein ihre ihr meine pflichtfeld für " +
	"le la les l du de d des votre ton ta ma mon veuillez saisir obligatoire pour " +
	"el los las del su tu mi por favor obligatorio para il lo i gli dell della dello di tuo tua per vostro o os as do da seu sua meu minha " +
	"het een van uw je jouw mijn voor twój twoja dla için твой ваш ваша для")

// aboutReach are words that say nothing in the title of an address or a number: what
// it is, or which of several of one person.
var aboutReach = foldedSet("address addresses addr add adr info information details data value field no nr n num number " +
	"adresse adresi adresiniz adres adress dirección indirizzo endereço numéro numero número nummer numer numerze numarası номер адрес " +
	"work home private business personal office direct official corporate institutional university college campus registered registration login notification notifications " +
	"arbeit büro dienstlich dienstliche dienstl geschäftlich geschäftliche geschäftl privat private uni hochschule hochschul " +
	"pro professionnel professionnelle personnel personnelle perso institutionnel institutionnelle trabajo particular casa laboral institucional corporativo oficial " +
	"lavoro aziendale personale istituzionale trabalho pessoal werk zakelijk privé praca praca służbowy służbowa prywatny prywatna iş ev kişisel kurumsal рабочий рабочая личный личная домашний")

func foldedSet(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[fold(w)] = true
	}
	return m
}

// people are the words of saysNothing.
var people = foldedSet(strings.Join(saysNothing, " "))

// byWords are the titles of several words whatever their order, and those of one.
var byWords = func() map[string]meaning {
	m := map[string]meaning{}
	for column, groups := range titlesOf {
		for g, titles := range strings.Split(groups, "|") {
			for i, title := range strings.Split(titles, ",") {
				if key := wordKey(wordsOf(title)); key != "" {
					if _, there := m[key]; !there {
						m[key] = meaning{Column(column), g*group + min(i, prefixed-1)}
					}
				}
			}
		}
	}
	return m
}()

// wordKey is the same for the same words in another order.
func wordKey(words []string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}

// mostKnown is how many words a title has that is looked at word by word.
const mostKnown = 8

// wordsMeaning is what the words of a title mean, all of which are known.
func wordsMeaning(words []string) (means meaning, ok bool) {
	if len(words) < 2 || len(words) > mostKnown {
		return meaning{}, false
	}
	if means, ok = byWords[wordKey(words)]; ok {
		return means, true
	}
	which := 0 // of several
	said := slices.DeleteFunc(slices.Clone(words), func(w string) bool {
		if len(w) == 1 && w[0] >= '1' && w[0] <= '9' {
			which = int(w[0] - '0')
			return true
		}
		return false
	})
	for _, idle := range []map[string]bool{little, people} {
		said = slices.DeleteFunc(said, func(w string) bool { return idle[w] })
		if means, ok = saidMeaning(said); ok {
			break
		}
	}
	if !ok {
		said = slices.DeleteFunc(said, func(w string) bool { return aboutReach[w] })
		means, ok = saidMeaning(said)
		ok = ok && (means.column == Email || means.column == Phone)
	}
	switch {
	case !ok, means.column == UserID, means.rank >= login:
		return meaning{}, false
	case means.rank >= numbered:
		return means, true
	case which > 0 && means.column != Email && means.column != Phone:
		return meaning{}, false
	case which > 1:
		return meaning{means.column, numbered + which}, true
	}
	means.rank += max(0, prefixed-means.rank%group) // as one with a word before it
	return means, true
}

// saidMeaning is what words mean in any order, or each of them by itself.
func saidMeaning(said []string) (means meaning, ok bool) {
	if means, ok = byWords[wordKey(said)]; ok {
		return means, true
	}
	if means, ok = aliases[strings.Join(said, "")]; ok {
		return means, true
	}
	for i, w := range said {
		m, known := aliases[w]
		if !known || m.rank >= numbered || m.column != Phone && m.column != Email || i > 0 && m.column != means.column {
			return meaning{}, false
		}
		if i == 0 || m.rank < means.rank {
			means = m
		}
	}
	return means, len(said) > 0
}

// onlyNothing reports whether no word of a title changes its meaning.
func onlyNothing(title string) bool {
	return !slices.ContainsFunc(wordsOf(title), func(w string) bool { return !people[w] && !little[w] && !aboutReach[w] })
}

// wordsOf are those of a title, in the form that fold gives each of them.
func wordsOf(h string) (out []string) {
	var word strings.Builder
	end := func() {
		if word.Len() == 0 {
			return
		}
		w := fold(word.String())
		word.Reset()
		if w == "" { // an accent alone, or what makes a sign before it colored
			return
		}
		if n := len(out); n > 0 && out[n-1]+w == "whatsapp" {
			out[n-1] = "whatsapp"
			return
		}
		out = append(out, w)
	}
	lower := false
	for _, r := range h {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r):
			end()
			lower = false
			continue
		case unicode.IsUpper(r) && lower:
			end()
		}
		lower = unicode.IsLower(r)
		word.WriteRune(r)
	}
	end()
	return out
}

// aboutOthers are words that make an address or a number another one than the
// person's, or a column about an address and not of one.
var aboutOthers = foldedSet("manager supervisor assistant asst emergency emerg ice kin parent parents guardian mother father mum dad spouse partner owner referrer referral referred introduced recruiter sponsor " +
	"teacher tutor coach trainer advisor adviser mentor counselor counsellor doctor physician boss agent assignee booker payer salesperson reports reporting reviewer approver " +
	"company organization organisation org school employer firma external public commit vendor supplier " +
	"new old previous former recovery secondary alternate other others backup confirm confirmed fax telefax pager telex cc bcc " +
	"verified verification opt optin optout consent marketing usage status type format id count preference preferences subscribed unsubscribed bounced sent opened date time since " +
	"hash domain template extension ext country code model carrier provider creator modified product event item group team list course city street building floor host " +
	"nick nickname middle user login department cost plan " +
	"notruf mutter vater eltern vormund betreuer lehrer lehrerin chef " +
	"mère père parent parents tuteur tutrice urgence responsable chef madre padre tutor tutora apoderado emergencia jefe " +
	"genitore genitori tutore responsabile emergenza mãe pai responsável encarregado emergência ouder ouders moeder vader voogd verzorger nood noodcontact leidinggevende docent " +
	"rodzic rodzica rodziców matka matki ojciec ojca opiekun opiekuna przełożony przełożonego nauczyciel veli velisi anne baba acil yönetici öğretmen " +
	"мать матери отец отца опекун опекуна руководитель руководителя учитель учителя")

// stemsOfOthers begin words about others, whatever ends them.
var stemsOfOthers = strings.Fields(foldWords("notfall eltern erziehungsberecht vorgesetzt guardian parent emergenc родител экстренн начальник"))

// foldWords folds each word of a text.
func foldWords(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		words[i] = fold(w)
	}
	return strings.Join(words, " ")
}

// signsOfOthers say the same in writing without blanks.
var signsOfOthers = strings.Fields(foldWords("保護者 緊急 上司 担任 母親 父親 両親 紹介者"))

// otherPersons reports whether a title is about another address than the person's.
func otherPersons(title string) bool {
	for _, w := range wordsOf(title) {
		if aboutOthers[w] || slices.ContainsFunc(stemsOfOthers, func(stem string) bool { return strings.HasPrefix(w, stem) }) ||
			w[0] >= 0xe0 && slices.ContainsFunc(signsOfOthers, func(sign string) bool { return strings.Contains(w, sign) }) {
			return true
		}
	}
	return false
}

// Bounds of titles that are whole sentences.
const (
	mostWords  = 4 // of one meaning
	ofSentence = 6 // so many words make one
)

// asking are words of a question to the person.
var asking = foldedSet("your my you deine dein ihre ihr dir votre ton vos tu su tus sus tuo tua seu sua uw je jouw twój twoje twoja senin твой ваш ваша ваше")

// severalTitles is a line that was not divided, or one about a user.
var severalTitles = regexp.MustCompile(`@|[;|\t]|,[^ ]`)

// guessMeaning finds a meaning within a sentence, such as the question of a form.
func guessMeaning(title string) (best meaning, ok bool) {
	all := wordsOf(title)
	if len(all) < 2 || len(all) > 40 || severalTitles.MatchString(title) || otherPersons(title) ||
		len(all) < ofSentence && !slices.ContainsFunc(all, func(w string) bool { return asking[w] }) {
		return meaning{}, false
	}
	for from := range all {
		for to := from + 1; to <= min(len(all), from+mostWords); to++ {
			means, there := aliases[strings.Join(all[from:to], "")]
			switch {
			case !there || means.rank >= numbered || means.column == UserID || means.column == Locale:
				continue
			case means.column == Name && to-from == 1, means.column == FirstName && to-from == 1, means.column == LastName && to-from == 1:
				continue
			}
			if means.rank += guessed; !ok || means.rank < best.rank {
				best, ok = means, true
			}
		}
	}
	return best, ok
}
