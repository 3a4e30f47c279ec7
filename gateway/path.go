package gateway

import (
	"encoding/hex"
	"strings"

	"github.com/torrentcache/torrentcache/infohash"
)

const torrentSuffix = ".torrent"

// parseDownloadPath reads the decoded path of a download: /torrent/HASH and anything after it. The
// original's rule was 40 hex digits and then anything, and links on the web have brackets, blanks
// or a site's name after the hash. 64 digits are a v2 hash. If there is any other number of digits
// from 40 on, the first 40 are the hash. Name is the file name that the tail suggests, "" for none.
// Hash and suffix may be in any letter case. At the root only /HASH.torrent is a download.
func parseDownloadPath(path string) (id infohash.ID, name string, ok bool) {
	rest, below := strings.CutPrefix(path, "/torrent/")
	if !below {
		rest = strings.TrimPrefix(path, "/")
	}
	id, tail, err := cutHash(rest)
	if err != nil || !below && !strings.EqualFold(tail, torrentSuffix) {
		return infohash.ID{}, "", false
	}
	return id, nameInTail(tail), true
}

// cutHash returns the info hash at the beginning of s, and the rest. Anything may follow hex
// digits; other forms must be followed by the suffix, a slash or nothing.
func cutHash(s string) (id infohash.ID, tail string, err error) {
	const v1, v2 = 2 * infohash.SizeV1, 2 * infohash.SizeV2
	digits := hexDigits(s)
	hash := s[:digits]
	switch {
	case digits == v2+len(multihash) && strings.HasPrefix(s, multihash), digits == v2:
	case digits >= v1:
		hash = s[:v1]
	default:
		whole, _, _ := strings.Cut(s, "/")
		digits = len(whole)
		hash = cutTorrentSuffix(cutTorrentSuffix(whole))
	}
	id, err = infohash.Parse(hash)
	return id, s[digits:], err
}

// multihash is the hex prefix of a SHA-256 as a multihash: the code of the function and the
// length.
const multihash = "1220"

// hexDigits returns how many hex digits s begins with.
func hexDigits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789abcdefABCDEF")) }

// nameInTail returns the file name in the text after a hash: the part after a slash, a text that
// ends in the suffix, or the title of a query whose question mark got lost.
func nameInTail(tail string) string {
	for len(tail) >= len(torrentSuffix) && strings.EqualFold(tail[:len(torrentSuffix)], torrentSuffix) {
		tail = tail[len(torrentSuffix):]
	}
	if tail == "" {
		return ""
	}
	switch tail[0] {
	case '?', '&':
		return queryTitle(tail[1:])
	case '/':
	default:
		if !hasTorrentSuffix(tail) {
			return ""
		}
	}
	return strings.TrimLeft(tail, "/-_. ")
}

// isUsual reports whether the request target is the address of a torrent as the service writes it,
// with or without the suffix, and in either letter case.
func isUsual(target string) bool {
	hash, ok := strings.CutPrefix(target, "/torrent/")
	hash = cutTorrentSuffix(hash)
	return ok && isWholeHash(hash)
}

func isWholeHash(s string) bool {
	return hexDigits(s) == len(s) && (len(s) == 2*infohash.SizeV1 || len(s) == 2*infohash.SizeV2)
}

func hasTorrentSuffix(s string) bool {
	return len(s) >= len(torrentSuffix) && strings.EqualFold(s[len(s)-len(torrentSuffix):], torrentSuffix)
}

func cutTorrentSuffix(s string) string {
	if !hasTorrentSuffix(s) {
		return s
	}
	return s[:len(s)-len(torrentSuffix)]
}

// queryTitle returns the title in a raw query, "" if there is none. It also reads queries that
// net/url refuses (a bare %, a semicolon, blanks), and takes such characters literally.
func queryTitle(query string) string {
	for pair := range strings.SplitSeq(query, "&") {
		if key, value, _ := strings.Cut(pair, "="); strings.EqualFold(key, "title") {
			return unescapeLoosely(value)
		}
	}
	return ""
}

// unescapeLoosely decodes plus signs and well-formed escapes and keeps the rest.
func unescapeLoosely(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(s):
			if escaped, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				c, i = escaped[0], i+2
			}
		}
		out.WriteByte(c)
	}
	return out.String()
}
