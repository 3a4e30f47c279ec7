package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// ReadSecret returns the one line of a file, without blanks around it: a key, say.
// The error names the file and nothing in it.
func ReadSecret(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(text))
	for i := range len(secret) {
		if secret[i] < ' ' || secret[i] > '~' {
			return "", fmt.Errorf("%s: want one line of ASCII", name)
		}
	}
	if secret == "" {
		return "", errors.New(name + " is empty: want a key")
	}
	return secret, nil
}
