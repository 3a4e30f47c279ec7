package gateway

import (
	"strings"

	"github.com/torrentcache/torrentcache/infohash"
)

const torrentSuffix = ".torrent"

// parseDownloadPath reads the path of a download, decoded: /torrent/HASH and whatever
// follows. The original's rule was 40 hex digits and then anything, and links with a bracket,
// a blank or a site's name behind the hash are all over the web. 64 digits are a v2 hash, of
// any other number from 40 on the first 40 are the hash. Name is what the tail suggests
// that the file be called, "" for nothing. Hash and suffix may be in any letter case. At the
// root only /HASH.torrent is a download.
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

// cutHash returns the info hash at the beginning of s, and what follows. Hex digits are cut
// off what follows; other forms must end in the suffix, a slash or not at all.
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

// multihash is what a SHA-256 begins with in that form, in hex: its number and its length.
const multihash = "1220"

// hexDigits returns how many hex digits s begins with.
func hexDigits(s string) int {
	for i := range len(s) {
		if !isHex(s[i]) {
			return i
		}
	}
	return len(s)
}

// nameInTail returns the name in what follows a hash: what stands behind a slash, or ends in
// the suffix, or is the title of a query that lost its question mark on the way.
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

// isUsual reports whether target, the target of a request as it came, is the address of a
// torrent as the service writes it, with or without the suffix and in either letter case.
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

// queryTitle returns the title of a raw query, "" if there is none. It reads
// what net/url refuses (a bare %, a semicolon, blanks) as the text it looks like.
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
		switch {
		case s[i] == '+':
			out.WriteByte(' ')
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			out.WriteByte(hexValue(s[i+1])<<4 | hexValue(s[i+2]))
			i += 2
		default:
			out.WriteByte(s[i])
		}
	}
	return out.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// hexValue is for digits that isHex accepts.
func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
