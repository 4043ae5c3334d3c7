package notify

import "unicode/utf16"

// Segments is what a text message costs.
type Segments struct {
	Count   int  // text messages that are charged
	Units   int  // septets of GSM 03.38, or UTF-16 code units
	Unicode bool // sent as UCS-2, because a character is not in GSM 03.38
	Odd     rune // the first of those characters
}

// Encoding is the name of the alphabet.
func (s Segments) Encoding() string {
	if s.Unicode {
		return "ucs2"
	}
	return "gsm7"
}

// The alphabet of 3GPP TS 23.038 (GSM 03.38), 6.2.1: the second table costs two
// septets a character.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€"
)

var gsmCost = func() map[rune]int {
	cost := map[rune]int{}
	for _, r := range gsmBasic {
		cost[r] = 1
	}
	for _, r := range gsmExtended {
		cost[r] = 2
	}
	return cost
}()

// Room of one message alone, and of each part of a longer one, whose header takes
// six octets (3GPP TS 23.040, 9.2.3.24.1).
const (
	gsmAlone, gsmPart   = 160, 153
	ucs2Alone, ucs2Part = 70, 67
)

// CountSegments counts how many messages a text is charged as. A character of two
// units is never cut in two, so a part may stay one unit short.
func CountSegments(text string) Segments {
	var s Segments
	for _, r := range text {
		if gsmCost[r] == 0 {
			s.Unicode, s.Odd = true, r
			break
		}
	}
	alone, part := gsmAlone, gsmPart
	cost := func(r rune) int { return gsmCost[r] }
	if s.Unicode {
		alone, part = ucs2Alone, ucs2Part
		cost = func(r rune) int { return max(1, utf16.RuneLen(r)) }
	}
	room := 0
	for _, r := range text {
		n := cost(r)
		s.Units += n
		if room < n {
			s.Count++
			room = part
		}
		room -= n
	}
	if s.Units <= alone && s.Units > 0 {
		s.Count = 1
	}
	return s
}
