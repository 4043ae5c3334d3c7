package console

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"usher/event"
)

// person is a row of the table people. Streams tell of a person in several messages, of
// which many come in one transaction: they change this copy, and what became of it is
// written once, at the end of the transaction.
type person struct {
	id     int64 // of the row; 0 before there is one
	known  bool  // is, or belongs, in the table
	userID string
	record
	standing
}

// record is what the list says, from the newest message of the inbox that brought the
// person first.
type record struct {
	source, name, givenName, familyName, email, phone, locale, attributes, file, imported string
	line                                                                                  int

	lang     string // of the locale
	sortName string // folded, as lists are sorted by it
	words    string // that a search finds, each between spaces
}

// standing is what the facts say: that of the highest generation and n counts.
type standing struct {
	generation, n               int
	status                      string
	since                       int64 // in microseconds since 1970
	decidedBy                   string
	decidedGeneration, decidedN int
	decider                     string // decidedBy if that was in this generation
	half                        string // of who waits for a second person's decision, the votes as JSON; "" for none
}

// nobody is a person of whom nothing is known but the id.
func nobody(userID string) person {
	return person{userID: userID, record: record{attributes: "{}"}, standing: standing{generation: -1, n: -1, decidedGeneration: -1, decidedN: -1}}
}

// counted is what the person is counted by.
func (p person) counted() counted {
	return counted{status: p.status, source: p.source, imported: p.imported, lang: p.lang, decider: p.decider, minute: p.since / microsPerMinute}
}

const microsPerMinute = 60_000_000

// putUser takes an imported event. A record of another inbox than the one that
// first brought the user is left out.
func putUser(tx *writing, source string, u event.User, at time.Time) error {
	if source == event.SourceCanary { // a canary is no person
		return nil
	}
	attributes, err := json.Marshal(u.Attributes)
	if err != nil {
		return err
	}
	r := recordOf(source, u, string(attributes))
	tx.change(u.UserID, func(p *person) {
		if p.source != "" && p.source != source {
			return
		}
		if !p.known {
			p.since = at.UnixMicro()
		}
		p.known, p.record = true, r
	})
	return nil
}

func recordOf(source string, u event.User, attributes string) record {
	return record{
		source: source, name: u.Name, givenName: u.GivenName, familyName: u.FamilyName, email: u.Email, phone: u.Phone, locale: u.Locale,
		attributes: attributes, file: u.Import.File, imported: u.Import.ID, line: u.Import.Line,
		lang: langOf(u.Locale), sortName: sortName(u), words: wordsOf(u),
	}
}

// langOf is the language of a locale such as de-AT or DE_at.
func langOf(locale string) string {
	end := strings.IndexAny(locale, "-_")
	if end < 0 {
		end = len(locale)
	}
	return strings.ToLower(locale[:end])
}

// putFact takes a fact; the one with the highest generation and n has the status.
func putFact(tx *writing, f event.Fact) error {
	if f.Inbox == event.SourceCanary {
		return nil
	}
	if f.Kind == event.FactForgotten {
		return forget(tx, f.UserID)
	}
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	stored, err := tx.Exec(`INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, f.ID, f.UserID, f.EventID, f.EventSource, f.At.UnixMicro(), string(body))
	if err != nil {
		return err
	}
	// A fact that is told again may have another place among the others than it had first,
	// which is the one that counts.
	if n, err := stored.RowsAffected(); err != nil || n == 0 {
		return err
	}
	if err := errors.Join(bulkAnswered(tx, f), putMissed(tx, f)); err != nil {
		return err
	}
	if f.Status != "" {
		words := wordsOf(event.User{UserID: f.UserID})
		half := ""
		if len(f.Half) > 0 {
			b, err := json.Marshal(f.Half)
			if err != nil {
				return err
			}
			half = string(b)
		}
		tx.change(f.UserID, func(p *person) { p.apply(f, words, half) })
	}
	return nil
}

// apply takes what a fact says of where the person stands. One whom no list has brought
// yet is found by the words of the id. half are the fact's votes as they are kept.
func (p *person) apply(f event.Fact, words, half string) {
	if !p.known {
		p.known, p.source, p.sortName, p.words = true, f.Inbox, fold(f.UserID), words
	}
	if f.Generation > p.generation || f.Generation == p.generation && f.N >= p.n {
		if p.status != string(f.Status) {
			p.since = f.At.UnixMicro()
		}
		p.generation, p.n, p.status, p.half = f.Generation, f.N, string(f.Status), half
	}
	if f.DecidedBy != "" && (f.Kind == event.FactApproved || f.Kind == event.FactRejected) &&
		(f.Generation > p.decidedGeneration || f.Generation == p.decidedGeneration && f.N >= p.decidedN) {
		p.decidedBy, p.decidedGeneration, p.decidedN = f.DecidedBy, f.Generation, f.N
	}
	p.decider = ""
	if p.decidedGeneration == p.generation {
		p.decider = p.decidedBy
	}
}

// forget removes what the model knows of a user.
func forget(tx *writing, userID string) error {
	digest := sha256.Sum256([]byte(userID))
	if _, err := tx.Exec(`INSERT INTO forgotten VALUES (?) ON CONFLICT DO NOTHING`, digest[:]); err != nil {
		return err
	}
	if err := bulkForgotten(tx, userID); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM decisions WHERE event_id IN (SELECT event_source || '/' || event_id FROM facts WHERE user_id = ?)`,
		`DELETE FROM facts WHERE user_id = ?`,
		`DELETE FROM recent WHERE user_id = ?`,
		`DELETE FROM missed WHERE user_id = ?`,
	} {
		if _, err := tx.Exec(q, userID); err != nil {
			return err
		}
	}
	tx.change(userID, func(p *person) {
		id := p.id
		*p = nobody(userID)
		p.id = id
	})
	return nil
}
