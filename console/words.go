package console

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"usher/event"
)

// A search looks for beginnings of words, so each word of a person is kept, folded and
// without its punctuation, from each place on where a part of it begins: an address
// ann.smith@example.org is annsmithexampleorg, smithexampleorg, exampleorg and org. So
// whatever a search has between the parts, and with whichever part it begins, it is the
// beginning of one of them.
//
// The words of an id stand behind a mark, so that who may not see personal data can
// search for ids alone.

const (
	idMark      = "#" // is in no word
	longestWord = 48  // bytes of a word that are kept; a longer one in a search is cut too
	mostWords   = 100 // of one person
)

// wordsOf are the words that a search finds a person by, with a space before and behind
// each: " #u17 #17 ann smith ".
func wordsOf(u event.User) string {
	var id, w wordList
	id.add(u.UserID)
	w.add(u.Name)
	w.add(u.GivenName)
	w.add(u.FamilyName)
	w.add(u.Email)
	if local, domain, ok := strings.Cut(u.Email, "@"); ok && strings.Contains(domain, "xn--") {
		if readable, err := idna.ToUnicode(domain); err == nil {
			w.add(local + "@" + readable)
		}
	}
	for _, form := range phoneForms(u.Phone) {
		w.add(form)
	}
	var b strings.Builder
	for _, word := range id.all {
		b.WriteString(" " + idMark + word)
	}
	for _, word := range w.all {
		b.WriteString(" " + word)
	}
	b.WriteString(" ")
	return b.String()
}

// wordList collects words.
type wordList struct{ all []string }

// add takes the words of a text.
func (l *wordList) add(text string) {
	for _, w := range strings.Fields(fold(text)) {
		parts := partsOf(w)
		joined := strings.Join(parts, "")
		for _, p := range parts {
			l.one(cutWord(joined))
			joined = joined[len(p):]
		}
	}
}

// one takes a word, unless it is the beginning of another one: whatever finds it finds
// that one.
func (l *wordList) one(word string) {
	if slices.ContainsFunc(l.all, func(w string) bool { return strings.HasPrefix(w, word) }) {
		return
	}
	l.all = slices.DeleteFunc(l.all, func(w string) bool { return strings.HasPrefix(word, w) })
	if len(l.all) < mostWords {
		l.all = append(l.all, word)
	}
}

// partsOf are the letters and digits of a folded word between what is neither. What is
// written without spaces between words has a part for each of its letters.
func partsOf(word string) (parts []string) {
	begin := -1
	for i, r := range word {
		inside := unicode.IsLetter(r) || unicode.IsNumber(r)
		if begin >= 0 && (!inside || unbroken(r)) {
			parts = append(parts, word[begin:i])
			begin = -1
		}
		if inside && begin < 0 {
			begin = i
		}
	}
	if begin >= 0 {
		parts = append(parts, word[begin:])
	}
	return parts
}

// unbroken tells letters of scripts that put no space between words.
func unbroken(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// cutWord cuts a word to what is kept of it, between two letters.
func cutWord(w string) string {
	if len(w) <= longestWord {
		return w
	}
	end := longestWord
	for w[end]&0xc0 == 0x80 {
		end--
	}
	return w[:end]
}

// phoneForms are the ways in which a number in E.164 is looked for: in full, and as
// within its country. A search leaves out zeros before it.
func phoneForms(e164 string) []string {
	digits, ok := strings.CutPrefix(e164, "+")
	if !ok || len(digits) < 5 {
		return []string{e164}
	}
	return []string{digits, digits[callingCode(digits):]}
}

// callingCode is how many digits a country's code has, by ITU-T E.164: no code is the
// beginning of another one, and those of one and two digits are fixed.
func callingCode(digits string) int {
	switch digits[0] {
	case '1', '7':
		return 1
	}
	switch digits[:2] {
	case "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49",
		"51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66",
		"81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98":
		return 2
	}
	return 3
}
