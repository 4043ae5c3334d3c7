package event

import (
	"context"
	"math/rand/v2"
	"time"
)

// Overtaken tells whether this error code of JetStream says that another write came first,
// so that what was written on a condition about the last sequence was refused. The server
// has two codes for that: in a cluster it uses the second one while the other write is
// under way.
func Overtaken(code int) bool { return code == 10071 || code == 10164 }

// GiveWay waits before try n+2 of a write that was overtaken, n from 0: by chance, so that
// those who write at once do not meet again, and up to 64 ms. It reports the end of ctx
// with false.
func GiveWay(ctx context.Context, n int) bool {
	return Sleep(ctx, time.Duration(rand.Int64N(int64(Doubling(time.Millisecond, 64*time.Millisecond, n)))))
}
