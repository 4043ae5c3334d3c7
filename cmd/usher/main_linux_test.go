package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// In an image without a distribution there are neither time zones nor certificates of
// authorities; usher brings both. A process of its own looks here, in an empty folder as
// its root.
func TestUsherBringsTimeZonesAndAuthorities(t *testing.T) {
	if root := os.Getenv("USHER_TEST_BARE"); root != "" {
		if err := syscall.Chroot(root); err != nil {
			t.Fatal(err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			t.Fatal(err)
		}
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("none:", pool.Equal(x509.NewCertPool()), "zone:", berlin)
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	root := t.TempDir()
	c.Env = []string{"USHER_TEST_BARE=" + root, "SSL_CERT_FILE=/none", "SSL_CERT_DIR=/none"} // these are read before the test begins
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER, // only there everybody may change the root
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := c.CombinedOutput()
	if errors.Is(err, syscall.EPERM) && os.Getenv("CI") == "" {
		t.Skip("this system lets no process have a user namespace of its own")
	}
	if err != nil || !bytes.Contains(out, []byte("none: false zone: Europe/Berlin")) {
		t.Errorf("%v\n%s", err, out)
	}
}
