package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

const (
	// keyPrefix lets people and programs that look for leaked secrets tell what
	// they have before them.
	keyPrefix = "tc_"

	// keyBytes is how much of a key is random: 160 bits.
	keyBytes = 20
)

// keyText spells keys in letters and digits that stay themselves in URLs,
// headers and shells.
var keyText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewKey returns a new random key.
func NewKey() string {
	random := make([]byte, keyBytes)
	_, _ = rand.Read(random) // it never fails
	return keyPrefix + keyText.EncodeToString(random)
}

// Digest is what is kept of a key: its SHA-256.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a key.
func DigestOf(key string) Digest { return sha256.Sum256([]byte(key)) }

// String returns the digest in hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// keyIn returns the key in the value of an Authorization header: Bearer KEY (RFC
// 6750), or Basic with the key as password and any user name (RFC 7617). The key may
// be empty. It is false if the value is of another form.
func keyIn(authorization string) (string, bool) {
	scheme, rest, _ := strings.Cut(authorization, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "bearer"):
		return rest, true
	case strings.EqualFold(scheme, "basic"):
		plain, err := base64.StdEncoding.DecodeString(rest)
		_, key, ok := strings.Cut(string(plain), ":")
		return key, err == nil && ok
	}
	return "", false
}
