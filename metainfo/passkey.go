package metainfo

import (
	"net/url"
	"strings"
)

// HasPasskey reports whether an announce URL of the torrent seems to contain the passkey of one
// user, by which a tracker identifies that user; see [IsPasskeyURL]. It does not depend on the
// private flag.
func (t *Torrent) HasPasskey() bool {
	for key, value := range pairs(t.b, span{0, len(t.b)}) {
		switch string(key.of(t.b)) {
		case "announce", "announce-list":
			if t.passkeyBelow(value, 2) { // a list of tiers, which are lists of URLs
				return true
			}
		}
	}
	return false
}

// passkeyBelow reports whether a URL, or a list with at most that many levels of nested lists,
// contains a passkey.
func (t *Torrent) passkeyBelow(v span, levels int) bool {
	if v.isString(t.b) {
		content := v.content(t.b)
		return IsPasskeyURL(string(content.of(t.b)))
	}
	if levels == 0 || !v.is(t.b, 'l') {
		return false
	}
	for item := range items(t.b, v) {
		if t.passkeyBelow(item, levels-1) {
			return true
		}
	}
	return false
}

// Lengths of presumed passkeys, in characters. Trackers mostly use 32 hex digits; 20 to 64
// letters and digits occur.
const (
	minHexKey   = 16
	minMixedKey = 20
)

// keyNames are parameters of announce URLs that hold a passkey, in lower case.
var keyNames = map[string]bool{
	"passkey": true, "pass_key": true, "pass": true, "pk": true, "pid": true, "torrent_pass": true,
	"authkey": true, "auth_key": true, "auth": true, "key": true, "apikey": true, "token": true,
	"secret": true, "secure": true, "sig": true,
}

// IsPasskeyURL reports whether a tracker's URL seems to contain a passkey:
//
//   - a parameter of the query with one of the usual names (passkey, torrent_pass, authkey,
//     pk, pid, ...) and a value of 8 characters or more;
//   - any other parameter, or a segment of the path, that is 16 or more hex digits, hyphens
//     not counted, or that has 20 or more letters and digits in a row, at least one of
//     each kind.
//
// One repeated character, such as a key of zeros, does not count. The host is not examined.
func IsPasskeyURL(address string) bool {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		return false
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	_, path, _ := strings.Cut(rest, "/")
	for segment := range strings.SplitSeq(path, "/") {
		if isSecret(unescaped(segment)) {
			return true
		}
	}
	for parameter := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(parameter, "=")
		name, value = unescaped(name), unescaped(value)
		named := keyNames[strings.ToLower(name)] && len(value) >= minNamedKey && !isRepeated(value)
		if named || isSecret(value) || isSecret(name) {
			return true
		}
	}
	return false
}

// minNamedKey is the minimum length of a passkey in a parameter with a usual name: shorter
// values are `pid=1` and the like.
const minNamedKey = 8

// unescaped decodes percent-encoding if it is valid.
func unescaped(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// isSecret reports whether text looks like a key issued to one user.
func isSecret(text string) bool {
	digits := strings.ReplaceAll(text, "-", "")
	if len(digits) >= minHexKey && strings.Trim(digits, "0123456789abcdefABCDEF") == "" {
		return !isRepeated(digits)
	}
	for run := range strings.FieldsFuncSeq(text, func(r rune) bool { return !isLetter(r) && !isNumber(r) }) {
		if len(run) >= minMixedKey && strings.ContainsFunc(run, isLetter) && strings.ContainsFunc(run, isNumber) {
			return true
		}
	}
	return false
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

func isNumber(r rune) bool { return '0' <= r && r <= '9' }

// isRepeated reports whether text is one repeated character.
func isRepeated(text string) bool { return strings.Trim(text, text[:1]) == "" }
