package inbox

import "strings"

// Ignored tells names of files that are still on their way, or that no operator
// dropped.
func Ignored(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") || nobodys(name) {
		return true // also what rsync writes, `.name.XXXXXX`, and locks of office programs
	}
	l := strings.ToLower(name)
	for _, suffix := range []string{".tmp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".swp", "~"} {
		if strings.HasSuffix(l, suffix) {
			return true
		}
	}
	return false
}

// nobodys tells names of files that desktops leave in folders.
func nobodys(name string) bool {
	l := strings.ToLower(name)
	return l == ".ds_store" || l == "thumbs.db" || l == "desktop.ini" || strings.HasPrefix(name, "._")
}
