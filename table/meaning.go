package table

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// meaning is what a title says about its column.
type meaning struct {
	column Column
	rank   int // among titles of one column, the lowest counts; see groups
}

// Ranks that are told apart. Titles of one group are in order of preference too.
const (
	group      = 100        // ranks of one group lie together
	prefixed   = 50         // with a word before it that says nothing new, such as user_email
	numbered   = 4 * group  // the second address or number and those behind it
	login      = 5 * group  // what people sign in with, which may be an address
	lastResort = 6 * group  // another address or number, when there is no better one
	guessed    = 10 * group // found within a sentence: the cells decide
)

// titlesOf are the titles of each column as people and systems write them, by groups
// that are divided by |, in order of preference. English, German, French, Spanish,
// Italian, Portuguese, Dutch, Polish, Turkish, Russian and Japanese.
var titlesOf = [Columns]string{
	UserID: "user id, external id, employee id, person id, member id, customer id, record id, benutzer id, mitarbeiter id, personalnummer, kundennummer, uid, id, local id | | | | | | account id",
	Name: "full name, display name, name and surname, name surname, first and last name, first last name, last first, vorname nachname, vor und nachname, vor und zuname, vorname und nachname, nom et prénom, nom prénom, nombre y apellidos, nombre apellidos, nome e cognome, nome cognome, nome e sobrenome, naam en voornaam, voornaam en achternaam, imię nazwisko, adı ve soyadı, имя и фамилия, имя фамилия, фамилия имя отчество, 姓名, complete name, voller name, vollständiger name, nom complet, nombre completo, nome completo, volledige naam, imię i nazwisko, ad soyad, adı soyadı, фио, полное имя, 氏名, お名前, 名前, name" +
		"| nom, naam, nombre, nome, ad, adı, имя, 名",
	FirstName: "first name, given name, forename, fname, vorname, rufname, prénom, nombre de pila, primer nombre, primeiro nome, nome proprio, voornaam, roepnaam, imię, isim, 名前(名)",
	LastName:  "last name, surname, family name, lname, nachname, familienname, zuname, nom de famille, apellido, apellidos, primer apellido, cognome, sobrenome, apelido, último nome, achternaam, nazwisko, soyad, soyadı, фамилия, 姓, 苗字, 名字",
	Email: "email, e-mail address, mail, mail address, emails, primary email, primary email address, email adresse, mailadresse, courriel, adresse email, adresse mail, adresse électronique, correo, correo electrónico, email principal, dirección de correo, dirección de correo electrónico, indirizzo email, posta elettronica, endereço de email, correio eletrónico, correio eletrônico, emailadres, adres email, adres e-mail, poczta, adres poczty elektronicznej, eposta, e-posta adresi, почта, электронная почта, адрес электронной почты, эл почта, адрес почты, メール, メールアドレス, eメール, 電子メール" +
		"| work email, business email, office email, company email, email dienstlich, dienstliche email, email geschäftlich, email professionnel, correo del trabajo, email aziendale" +
		"| private email, personal email, home email, email privat, private emailadresse, email personnel, correo personal, email personale" +
		"| | | username, user principal name, upn, login, login id, login name, user login, sign in name, preferred username, account name, benutzername, anmeldename, nutzername, nom d'utilisateur, identifiant, usuario, nombre de usuario, nome utente, gebruikersnaam, kullanıcı adı, email id, mail id, official email id, subscriber, recipient, empfänger, abonnent" +
		"| other email, secondary email, alternate email, alternate email address, alternative email, recovery email, backup email, home secondary email, work secondary email, zweite email",
	Phone: "mobile, mobile phone, mobile phone number, mobile number, mobile no, mobile tel, m phone, cell, cell phone, cell phone number, cell number, cellphone number, mob, handy, handynummer, mobil, mobiltelefon, mobiltelefonnummer, mobilnummer, mobilfunknummer, msisdn, sms, sms number, sms phone, whatsapp, whatsapp number, whatsapp phone, portable, téléphone portable, tél portable, téléphone mobile, numéro de portable, móvil, teléfono móvil, celular, teléfono celular, cellulare, telefono cellulare, numero di cellulare, telemóvel, telefone celular, mobiel, mobiel nummer, mobiele telefoon, 06 nummer, telefon komórkowy, komórka, numer komórkowy, numer telefonu komórkowego, nr telefonu komórkowego, tel kom, cep, cep tel, cep telefonu, gsm, gsm number, мобильный, мобильный телефон, моб, сотовый, 携帯, 携帯電話, 携帯電話番号, 携帯番号" +
		"| phone, phone number, phone numbers, phones, phone no, telephone, telephone number, tel, tel no, telefon, telefonnummer, telefonnr, rufnummer, téléphone, numéro de téléphone, teléfono, número de teléfono, telefono, numero di telefono, telefone, número de telefone, telefoon, telefoonnummer, numer telefonu, nr telefonu, telefon numarası, телефон, тел, номер телефона, 電話, 電話番号, お電話番号, recapito telefonico, contact no, primary phone, main phone, contact number, contact phone" +
		"| work phone, work phone number, business phone, biz phone, office phone, direct phone, telefon geschäftlich, telefon dienstlich, téléphone professionnel" +
		"| home phone, home phone number, h phone, private phone, personal phone, landline, festnetz, telefon privat, téléphone fixe" +
		"| | | other phone, recovery phone, alternate phone, secondary phone, default address phone",
	Locale: "locale, language, lang, preferred language, communication language, language code, language preference, interface language, sprache, langue, idioma, lingua, taal, język, dil, язык, 言語",
}

// aliases are all titles, in the form that fold gives them.
var aliases = func() map[string]meaning {
	m := map[string]meaning{}
	each := func(do func(title string, means meaning)) {
		for column, groups := range titlesOf {
			for g, titles := range strings.Split(groups, "|") {
				for i, title := range strings.Split(titles, ",") {
					if title = fold(title); title != "" {
						do(title, meaning{Column(column), g*group + min(i, prefixed-1)})
					}
				}
			}
		}
	}
	each(func(title string, means meaning) {
		if _, there := m[title]; !there {
			m[title] = means
		}
	})
	each(func(title string, means meaning) {
		if means.column == UserID || means.rank >= login {
			return
		}
		means.rank += prefixed
		for _, word := range saysNothing {
			if _, there := m[fold(word)+title]; !there {
				m[fold(word)+title] = means
			}
		}
	})
	return m
}()

// fold is a title without what people write differently: case, accents, spaces,
// dashes, underscores, dots, stars.
func fold(h string) string {
	for i := 0; i < len(h); i++ {
		if h[i] >= 0x80 {
			h = norm.NFKD.String(h)
			break
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, h)
}

// titleMeaning is what a title means by itself: without what stands in brackets, a
// number before it and words such as "required"; or else what stands in the brackets.
func titleMeaning(h string) (means meaning, ok bool) {
	if means, ok = aliases[fold(h)]; ok {
		return means, true
	}
	if strings.ContainsAny(h, "[(<{（") {
		if means, ok = byWords[wordKey(wordsOf(h))]; ok { // Name (First)
			return means, true
		}
		outside, inside := brackets(h)
		if outside != "" {
			if means, ok = titleMeaning(outside); ok && means.rank < login {
				return means, true
			}
		}
		if in, there := aliases[fold(inside)]; there && (!ok && onlyNothing(outside) || ok && in.column == means.column && in.rank < means.rank) {
			return in, true
		}
		return means, ok
	}
	if means, ok = wordsMeaning(wordsOf(h)); ok {
		return means, true
	}
	f := fold(h)
	f = strings.TrimLeft(f, "0123456789") // 1. E-mail
	for _, word := range []string{"required", "optional", "pflichtfeld", "obligatoire", "obligatorio", "value"} {
		f = strings.TrimSuffix(f, word)
	}
	if means, ok = aliases[f]; ok {
		return means, true
	}
	return numberedMeaning(f)
}

// numberedMeaning understands phone1, email 2 and E-mail 2 Address.
func numberedMeaning(f string) (means meaning, ok bool) {
	i := strings.IndexAny(f, "123456789")
	if i < 0 {
		return meaning{}, false
	}
	rest := f[:i] + f[i+1:]
	if means, ok = aliases[rest]; !ok || means.column != Email && means.column != Phone || means.rank >= numbered {
		return meaning{}, false
	}
	if f[i] == '1' {
		means.rank += prefixed / 2
	} else {
		means.rank = numbered + int(f[i]-'0')
	}
	return means, true
}

// brackets divides a title into what stands in brackets and what does not.
func brackets(h string) (outside, inside string) {
	depth := 0
	var out, in strings.Builder
	for _, r := range h {
		switch {
		case strings.ContainsRune("[(<{（", r):
			depth++
			out.WriteByte(' ')
		case strings.ContainsRune("])>}）", r) && depth > 0:
			depth--
			in.WriteByte(' ')
		case depth > 0:
			in.WriteRune(r)
		default:
			out.WriteRune(r)
		}
	}
	return strings.TrimSpace(out.String()), strings.TrimSpace(in.String())
}

// canonical is the column that a title means by itself, or columnAttribute.
func canonical(h string) Column {
	if means, ok := titleMeaning(h); ok && means.rank < login {
		return means.column
	}
	return columnAttribute
}

// secretWords are words of titles whose columns hold what must not leave the file.
var secretWords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Split("password,passwort,passwords,passwd,passphrase,pwd,userpass,kennwort,passcode,motdepasse,contraseña,senha,palavrapasse,wachtwoord,hasło,şifre,parola,пароль,パスワード,"+
		"secret,token,hash,salt,otp,totp,apikey,privatekey,accesskey,activationkey,credentials,cvv,cvc", ",") {
		m[fold(w)] = true
	}
	return m
}()

// secretTitle reports whether the cells under a title may be secrets.
func secretTitle(title string) bool {
	all := wordsOf(title)
	for i, w := range all {
		if secretWords[w] || i > 0 && secretWords[all[i-1]+w] || i > 1 && secretWords[all[i-2]+all[i-1]+w] || strings.HasSuffix(w, "password") || strings.HasPrefix(w, "password") || strings.HasSuffix(w, "salt") {
			return true
		}
	}
	return false
}
