package gateway

import (
	"strings"

	"github.com/torrentcache/torrentcache/infohash"
)

const torrentSuffix = ".torrent"

// parseDownloadPath reads the path of a download, decoded: /torrent/HASH,
// /torrent/HASH.torrent, /torrent/HASH.torrent.torrent (scripts appended the
// suffix to what had it) or /torrent/HASH/NAME.torrent, whose NAME.torrent it
// returns as well. Hash and suffix may be in any letter case.
func parseDownloadPath(path string) (id infohash.ID, name string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/torrent/")
	if !ok {
		return infohash.ID{}, "", false
	}
	hash, name, named := strings.Cut(rest, "/")
	if named && !hasTorrentSuffix(name) {
		return infohash.ID{}, "", false
	}
	id, err := infohash.Parse(cutTorrentSuffix(cutTorrentSuffix(hash)))
	if err != nil {
		return infohash.ID{}, "", false
	}
	return id, name, true
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
