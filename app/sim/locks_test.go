//go:build simlocks

package sim

import _ "unsafe" // for linkname

// In a testing/synctest bubble no time passes while a goroutine waits for a lock,
// because the one who holds it is taken to be at work. The clients of Temporal and
// of NATS hold locks while they wait for a server that is away, so a seed would
// stand still. Here the runtime is told that such a goroutine is idle. It takes
// the linker's -checklinkname=0, so it is a binary of its own, which TestSeeds
// builds.

//go:linkname isIdleInSynctest runtime.isIdleInSynctest
var isIdleInSynctest [64]bool

//go:linkname waitReasonStrings runtime.waitReasonStrings
var waitReasonStrings [40]string

func init() {
	found := 0
	for i, s := range waitReasonStrings {
		switch s {
		case "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock":
			isIdleInSynctest[i] = true
			found++
		}
	}
	if locksAreIdle = found == 3; !locksAreIdle {
		panic("this Go names its reasons for waiting otherwise: see runtime2.go")
	}
}
