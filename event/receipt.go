package event

// ReceiptFact tells what became of a message that was handed over, as the ledger has it
// under the key. The same is told once, whoever tells it.
func ReceiptFact(userID, key string, s Send) Fact {
	f := Fact{Kind: FactDelivered, UserID: userID, At: s.At, Provider: s.Provider, Reason: s.Reason, By: s.By}
	if s.State == SendBounced {
		f.Kind = FactBounced
	}
	if k, ok := ParseSendKey(key); ok {
		f.Generation, f.Channel = k.Generation, k.Channel
		if k.Purpose != PurposeWelcome {
			f.Purpose = k.Purpose
		}
		if k.Ordinal > 1 {
			f.Ordinal = k.Ordinal
		}
	}
	f.ID = FactID(f.UserID, f.Generation, 0, f.Kind, key)
	return f
}
