package inbox

// lease is what a file's read lease says about writers.
type lease int

const (
	leaseFree lease = iota // no program has the file open for writing; the lease is held
	leaseBusy              // a program has it open for writing
	leaseNone              // the system does not tell
)
