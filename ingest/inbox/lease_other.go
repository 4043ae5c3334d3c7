//go:build !linux

package inbox

import (
	"os"
)

func takeLease(*os.File) lease { return leaseNone }

func giveLease(*os.File) {}
