package access

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// Entry is one line of the keys file: a name, its roles, and exactly one of a key,
// a network and a certificate, by which the caller is known.
type Entry struct {
	Name        string
	Roles       Roles
	Key         Digest       // zero if not by a key
	Network     netip.Prefix // invalid if not by its network
	Certificate string       // a name in the client's certificate, in lower case; "" if not by one
}

// ByKey begins the third field of a line for a key.
const ByKey = "sha256:"

// The beginnings of the third field for networks and certificates.
const (
	byNetwork     = "address:"
	byCertificate = "certificate:"
)

// Bounds of the file, and of a name in it.
const (
	maxLine = 4096 // bytes
	maxName = 64   // bytes
)

// String returns the line of the file, without a line feed.
func (e Entry) String() string { return e.Name + " " + e.Roles.String() + " " + e.Known() }

// Known returns the third field of the line: a key's digest, a network or a certificate.
func (e Entry) Known() string {
	switch {
	case e.Network.IsValid():
		return byNetwork + e.Network.String()
	case e.Certificate != "":
		return byCertificate + e.Certificate
	default:
		return ByKey + e.Key.String()
	}
}

// ParseFile reads the keys file of that name. The error names the file and the line.
func ParseFile(name string) ([]Entry, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Unwrap(err)) // err repeats the name
	}
	defer f.Close() // it was only read
	entries, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return entries, nil
}

// Parse reads a keys file: one entry a line, NAME ROLES KNOWN, with blanks
// between. KNOWN is sha256: and the digest of a key in hex, address: and a
// network or single address, or certificate: and a name. Parse skips empty lines
// and lines that begin with #. A name may stand on several lines, as while
// its key is replaced; key, network and certificate may not. The error names the line.
func Parse(r io.Reader) ([]Entry, error) {
	var entries []Entry
	first := map[string]int{} // line number, by Known
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		e, err := parseEntry(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if before := first[e.Known()]; before != 0 {
			return nil, fmt.Errorf("line %d: the same key, network or certificate as on line %d", n, before)
		}
		first[e.Known()] = n
		entries = append(entries, e)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("line %d: longer than %d bytes", n+1, maxLine)
	}
	return entries, lines.Err()
}

func parseEntry(fields []string) (Entry, error) {
	if len(fields) != 3 {
		return Entry{}, fmt.Errorf("%d fields: want NAME ROLES sha256:DIGEST, address:NETWORK or certificate:NAME", len(fields))
	}
	e := Entry{Name: fields[0]}
	if err := CheckName(e.Name); err != nil {
		return Entry{}, err
	}
	var err error
	if e.Roles, err = ParseRoles(fields[1]); err != nil {
		return Entry{}, err
	}
	if e.Roles == 0 {
		return Entry{}, errors.New("no roles: take the line out instead")
	}
	return e, e.parseKnown(fields[2])
}

func (e *Entry) parseKnown(text string) (err error) {
	if digits, ok := strings.CutPrefix(text, ByKey); ok {
		e.Key, err = parseDigest(digits)
		return err
	}
	if network, ok := strings.CutPrefix(text, byNetwork); ok {
		e.Network, err = parseNetwork(network)
		return err
	}
	if name, ok := strings.CutPrefix(text, byCertificate); ok && name != "" {
		e.Certificate = strings.ToLower(name)
		return nil
	}
	// The error does not repeat the field, which may be a key by mistake.
	return errors.New("the third field: want sha256:DIGEST, address:NETWORK or certificate:NAME")
}

// CheckName reports why name cannot be the name of an entry. Names appear in logs.
func CheckName(name string) error {
	if name == "" || len(name) > maxName || name == Anonymous {
		return fmt.Errorf("name %.70q: want 1 to %d letters, digits and ._-@, and not %s", name, maxName, Anonymous)
	}
	for _, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !('0' <= c && c <= '9') && !strings.ContainsRune("._-@", rune(c)) {
			return fmt.Errorf("name %q: want 1 to %d letters, digits and ._-@", name, maxName)
		}
	}
	return nil
}

func parseDigest(digits string) (Digest, error) {
	var d Digest
	if hex.DecodedLen(len(digits)) != len(d) || len(digits)%2 != 0 {
		return Digest{}, errors.New("sha256: want 64 hex digits after it")
	}
	if _, err := hex.Decode(d[:], []byte(digits)); err != nil || d == (Digest{}) {
		return Digest{}, errors.New("sha256: want 64 hex digits after it")
	}
	return d, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	list, err := origin.ParseNetworks(text)
	if err == nil && len(list) != 1 {
		err = errors.New("address: want one network, such as 10.0.0.0/8, or one address")
	}
	if err != nil {
		return netip.Prefix{}, err
	}
	return list[0], nil
}

const (
	// keyPrefix lets people and programs that look for leaked secrets recognize
	// a key.
	keyPrefix = "tc_"

	// keyBytes is the number of random bytes in a key: 160 bits.
	keyBytes = 20
)

// keyText spells keys in letters and digits that need no escaping in URLs,
// headers and shells.
var keyText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewKey returns a new random key.
func NewKey() string {
	random := make([]byte, keyBytes)
	_, _ = rand.Read(random) // it never fails
	return keyPrefix + keyText.EncodeToString(random)
}

// Digest is the SHA-256 of a key. A keys file has only digests, never keys.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a key.
func DigestOf(key string) Digest { return sha256.Sum256([]byte(key)) }

// String returns the digest in hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// keyIn returns the key in the value of an Authorization header: Bearer KEY (RFC
// 6750), or Basic with the key as password and any user name (RFC 7617). The key may
// be empty. It returns false if the value has another form.
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
