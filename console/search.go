package console

import (
	"context"
	"encoding/json"
	"strings"
)

// search is what people are looked for by. Of its text only letters and digits are left,
// and they reach the database as values, so no text is a syntax of anything.
type search struct {
	// The person has, for each term, a word that begins with one of its forms.
	terms [][]string
	// Or had the event with this id.
	event string
}

// mostTerms of a search count; further ones are left out.
const mostTerms = 12

// searchOf reads what was typed. Digits with spaces between them are one number, as
// phone numbers are written; a plus begins another one. Where personal data is masked,
// words are looked for in ids alone, or a search would tell what is behind a mask.
func searchOf(text string, s sight) search {
	out := search{event: strings.TrimSpace(text)}
	words := strings.Fields(fold(text))
	for i := 0; i < len(words) && len(out.terms) < mostTerms; i++ {
		w := words[i]
		if number(w) {
			for i+1 < len(words) && number(words[i+1]) && words[i+1][0] != '+' {
				i++
				w += words[i]
			}
			if w[0] == '+' || strings.HasPrefix(w, "00") {
				w = strings.Replace(w, "(0)", "", 1)
			}
		}
		word := cutWord(strings.Join(partsOf(w), ""))
		if word == "" {
			continue
		}
		forms := []string{idMark + word}
		if !s.masked {
			forms = append(forms, word)
			if national := strings.TrimLeft(word, "0"); number(w) && national != word && len(national) >= leastNumber {
				forms = append(forms, national)
			}
		}
		out.terms = append(out.terms, forms)
	}
	return out
}

// leastNumber is how many digits a number has at least of which zeros are left out.
const leastNumber = 4

// number tells a word, or a part of one, that is written like a phone number.
func number(w string) bool { return strings.Trim(w, "0123456789+()-./") == "" }

// hits are the rows of words that a term finds.
func hits(forms []string) (t terms) {
	for _, f := range forms {
		t.add(`SELECT person FROM words WHERE word >= ? AND word < ?`, f, f+"\U0010ffff")
	}
	t.sql = []string{strings.Join(t.sql, ` UNION ALL `)}
	return t
}

// had are those who had the event.
func (s search) had() (t terms) {
	t.add(`SELECT p.person FROM facts CROSS JOIN people p USING (user_id) WHERE event_id = ?`, s.event)
	return t
}

// holds is the condition that a row of people is found.
func (s search) holds() (t terms) {
	var all terms
	for _, forms := range s.terms {
		var one terms
		for _, f := range forms {
			one.add(`instr(words, ?) > 0`, " "+f)
		}
		all.add(`(`+strings.Join(one.sql, ` OR `)+`)`, one.args...)
	}
	if len(s.terms) == 0 {
		all.add(`0`)
	}
	had := s.had()
	t.add(`(`+all.String()+` OR person IN (`+had.String()+`))`, append(all.args, had.args...)...)
	return t
}

// mostLooked is how many rows of words are looked at for a term that many have, when
// all terms of a search are such.
const mostLooked = 30_000

// pool is where a list or a count takes people from, in place of all of them.
type pool struct {
	from  string // what stands behind FROM, with the columns of people
	args  []any  // of from
	terms        // that a person answers besides
	many  bool   // more people answer than are in the pool
}

// find is the pool of a search. The term that the fewest people have leads to them, and
// each is held against the others. When more than mostCounted have every term, the pool
// has that many of those who have them all.
func (m *model) find(ctx context.Context, s search) (p pool, err error) {
	least, best := mostCounted+1, terms{}
	best.add(`SELECT 0 AS person WHERE 0`)
	for _, forms := range s.terms {
		h := hits(forms)
		var n int
		err := m.db.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT DISTINCT person FROM (`+h.String()+` LIMIT ?) LIMIT ?)`, append(h.args, mostLooked, mostCounted+1)...).Scan(&n)
		if err != nil {
			return p, err
		}
		if n < least {
			least, best = n, h
		}
	}
	set := best
	if len(s.terms) > 0 && least > mostCounted {
		var ids []int64
		if ids, p.many, err = m.common(ctx, s); err != nil {
			return p, err
		}
		list, err := json.Marshal(ids)
		if err != nil {
			return p, err
		}
		set = terms{}
		set.add(`SELECT value AS person FROM json_each(?)`, string(list))
	}
	had := s.had()
	p.from = `(SELECT person FROM (` + set.String() + `) UNION ` + had.String() + `) CROSS JOIN people USING (person)`
	p.args = append(set.args, had.args...)
	if len(s.terms) > 1 && least <= mostCounted {
		p.terms = s.holds()
	}
	return p, nil
}

// common are people who have all terms of which each one is had by many.
func (m *model) common(ctx context.Context, s search) (ids []int64, many bool, err error) {
	var each terms
	for _, forms := range s.terms {
		h := hits(forms)
		each.add(`SELECT person FROM (`+h.String()+` LIMIT ?)`, append(h.args, mostLooked)...)
		var cut bool
		if err := m.db.QueryRowContext(ctx, `SELECT EXISTS (`+h.String()+` LIMIT 1 OFFSET ?)`, append(h.args, mostLooked)...).Scan(&cut); err != nil {
			return nil, false, err
		}
		many = many || cut
	}
	rows, err := m.db.QueryContext(ctx, `SELECT DISTINCT person FROM (`+strings.Join(each.sql, ` INTERSECT `)+`) LIMIT ?`, append(each.args, mostCounted+1)...)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	ids = []int64{}
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, false, err
		}
		ids = append(ids, id)
	}
	return ids, many || len(ids) > mostCounted, rows.Err()
}
