package app

import "testing"

func TestRoomIsWrittenWithUnits(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "20000000000": 20e9, "6GB": 6e9, "6 gb": 6e9, "1.5GB": 1.5e9, "512MiB": 512 << 20, "2TiB": 2 << 40, "7kb": 7000, "12B": 12,
	} {
		var got Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d %v, want %d", text, got, err, want)
		}
		again, err := got.MarshalText()
		var same Bytes
		if err != nil || same.UnmarshalText(again) != nil || same != got {
			t.Errorf("%q does not survive writing: %s", text, again)
		}
	}
	for _, text := range []string{"", "GB", "-1", "-6GB", "six", "6 XB", "9999999TB", "NaN"} {
		var got Bytes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
	for b, want := range map[Bytes]string{12: "12 B", 9_500_000_000: "9.5 GB", 64e6: "64 MB"} {
		if got := b.String(); got != want {
			t.Errorf("%d is written %q, want %q", int64(b), got, want)
		}
	}
}
