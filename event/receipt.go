package event

import (
	"strconv"
	"strings"
)

// ReceiptFact tells what became of a message that was handed over, as the ledger has it
// under the key. The same is told once, whoever tells it.
func ReceiptFact(userID, key string, s Send) Fact {
	f := Fact{Kind: FactDelivered, UserID: userID, At: s.At, Provider: s.Provider, Reason: s.Reason, By: s.By}
	if s.State == SendBounced {
		f.Kind = FactBounced
	}
	if part := strings.Split(key, "."); len(part) == 4 { // made by SendKey
		f.Generation, _ = strconv.Atoi(part[0])
		f.Channel = part[2]
		if part[1] != PurposeWelcome {
			f.Purpose = part[1]
		}
		if n, _ := strconv.Atoi(part[3]); n > 1 {
			f.Ordinal = n
		}
	}
	f.ID = FactID(f.UserID, f.Generation, 0, f.Kind, key)
	return f
}
