package inbox

import (
	"slices"
	"strings"
)

// Ignored tells names of files that are still on their way, or that no operator
// dropped.
func Ignored(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") || Nobodys(name) {
		return true // also what rsync writes, `.name.XXXXXX`, and locks of office programs
	}
	l := strings.ToLower(name)
	return slices.ContainsFunc(onTheWay, func(suffix string) bool { return strings.HasSuffix(l, suffix) })
}

// onTheWay are the endings that programs give to files while they write them. What
// begins with a dot needs none here: .in.NAME. of ProFTPD, .NAME.XXXXXX of rsync,
// .davfs.tmpXXXX of Apache, .pureftpd-upload.…, .nfs…, .fuse_hidden….
var onTheWay = []string{
	".tmp", ".temp", ".part", ".partial", ".swp", "~",
	".filepart",                               // WinSCP
	".crdownload", ".download", ".opdownload", // browsers
	".lftp-pget-status", // lftp, beside a file that it has in several parts
	".aria2",            // the same of aria2
	".gstmp",            // gsutil
	".!sync",            // Resilio Sync
	".uploading", ".writing", ".inprogress", ".in_progress", ".incomplete", ".unfinished",
}

// Nobodys tells names of files that desktops leave in folders.
func Nobodys(name string) bool {
	l := strings.ToLower(name)
	return l == ".ds_store" || l == "thumbs.db" || l == "desktop.ini" || strings.HasPrefix(name, "._")
}
