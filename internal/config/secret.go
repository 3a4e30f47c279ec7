package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
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

// masked stands for a secret.
const masked = "********"

// userinfo is what stands before the host of an address, and a secret with a slash
// in it as well.
var userinfo = regexp.MustCompile(`://[^?\s]*@`)

// Redact returns text, if it holds an address, without what may be credentials in
// it: what stands before an @, and the values of parameters, but for the endpoint
// and the region of a bucket, and names of files. It is for messages about addresses that are wrong,
// too, and so does not count on them to be right.
func Redact(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	address, query, hasQuery := strings.Cut(text, "?")
	address = userinfo.ReplaceAllLiteralString(address, "://"+masked+"@")
	if !hasQuery {
		return address
	}
	parameters := strings.Split(query, "&")
	for i, p := range parameters {
		parameters[i] = redactParameter(p)
	}
	return address + "?" + strings.Join(parameters, "&")
}

func redactParameter(p string) string {
	plainParameters := []string{"endpoint", "region", "token-file", "ca", "cert", "cert-key"}
	name, value, named := strings.Cut(p, "=")
	switch plain, err := url.QueryUnescape(value); {
	case !named:
		return masked
	case slices.Contains(plainParameters, name) && err == nil && !strings.Contains(plain, "@"):
		return p
	}
	return name + "=" + masked
}
