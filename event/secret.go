package event

import (
	"fmt"
	"os"
	"strings"
)

// ReadSecret is a value that is given as such or in a file; line ends of the file are
// cut. name and fileName are the settings that errors name.
func ReadSecret(name, value, fileName, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	if value != "" {
		return "", fmt.Errorf("%s and %s: give one of them", name, fileName)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", fileName, err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
