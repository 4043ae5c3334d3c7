package ingest

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/idna"

	"usher/event"
)

// The id of a person whose record has none is found again by one who has the
// address, and so is the entry that keeps messages from it: however it is written
// in a list, in a decision or on the command line. A regression of issue 14.
func TestOnePersonHasOneID(t *testing.T) {
	key := event.Key("a key for this test")
	for _, address := range []string{
		"ann@example.org", "ann.b+c@mail.example.org", "zoe@bücher.example", "zoë@bücher.example", "jörg@straße.example", "a@xn--bcher-kva.example", "li@例え.テスト",
	} {
		want, err := parseEmail(address)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		id, hash := key.UserID(want, ""), key.Address(event.ChannelEmail, want)
		rng := rand.New(rand.NewPCG(14, uint64(len(address))))
		for range 300 {
			written := spelling(rng, address)
			got, err := parseEmail(written)
			if err != nil || got != want {
				t.Fatalf("a list with %q brings %q (%v), want %q", written, got, err, want)
			}
			if got := key.UserID(written, ""); got != id {
				t.Fatalf("a decision about %q is about %s, a list brings %s", written, got, id)
			}
			if got := key.Address(event.ChannelEmail, written); got != hash {
				t.Fatalf("%q is suppressed as %s, messages go to %s", written, got, hash)
			}
		}
	}
}

// spelling writes an address in another way that means the same.
func spelling(rng *rand.Rand, address string) string {
	local, domain, _ := strings.Cut(address, "@")
	if rng.IntN(2) == 0 {
		if u, err := idna.Lookup.ToUnicode(domain); err == nil {
			domain = u
		}
	} else if a, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = a
	}
	if rng.IntN(3) == 0 {
		domain += "."
	}
	if rng.IntN(4) == 0 {
		domain = strings.ReplaceAll(domain, ".", "。") // as a Japanese keyboard writes it
	}
	out := []rune(local + "@" + domain)
	for i, r := range out {
		if u := unicode.ToUpper(r); rng.IntN(3) == 0 && unicode.ToLower(u) == r {
			out[i] = u
		}
	}
	space := []string{"", " ", "\t", "\u00a0", "\r\n"}
	return space[rng.IntN(len(space))] + string(out) + space[rng.IntN(len(space))]
}

// Ids and suppressions are kept for ever, so these are pinned.
func TestIDsOfOldStay(t *testing.T) {
	key := event.Key("a key for this test")
	for address, want := range map[string]string{
		"Ann@Example.org":     "u-cmw4n2f6fuokbjazimf7xg5ndy ozaetsyccringxl2ldbvizfi3k",
		"zoe@bücher.example":  "u-yh4755fmqs3wwntqq3czsocpke 7ehy3an64ak72btpgxypbpvq63",
		"Zoë@BÜCHER.example":  "u-73jfw6oqv5avpa4tgsokfuylwq lrlbethi4cw3gxazplihytpj7c",
		"ann@ex-ample.co.uk":  "u-6q3xwtt7psajlrm5rygv34gzwx 7ie4w2ht2aaqkilm6vouylupyq",
		"a_b%c@1.example.org": "u-cbdry7y3peqaaicpq7hqjnrsaz d436rra62qltqzmd4ej5aw4zst",
		"jörg@faß.example":    "u-j6mj56tnmbjrxidt24jx62vhjd vcitxehthueesqidmlsaj32zrb",
	} {
		email, err := parseEmail(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := key.UserID(email, "") + " " + key.Address(event.ChannelEmail, email); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	if got, want := key.UserID("", "+4930123456"), "u-v6mns7m3xvylzhakxiytcy7pnh"; got != want {
		t.Errorf("of a number: %s, want %s", got, want)
	}
}
