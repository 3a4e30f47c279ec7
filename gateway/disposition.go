package gateway

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// maxFileName bounds a suggested file name without its suffix, in bytes: file
// systems take 255 and browsers append " (1)".
const maxFileName = 200

// disposition returns the Content-Disposition (RFC 6266) that suggests a file name made of title,
// which anybody can choose, or of infoHash if nothing of the title can be used. For any title, the
// value is printable ASCII in one line, and the file name has no path in it.
func disposition(title, infoHash string) string {
	name := fileName(title)
	if name == "" {
		name = infoHash
	}
	name += torrentSuffix
	plain := asciiName(name)
	value := `attachment; filename="` + plain + `"`
	if plain != name {
		value += "; filename*=UTF-8''" + extValue(name)
	}
	return value
}

// fileName returns the part of title that can be in a file name on any system, in UTF-8, without
// the suffix; "" if no part can.
func fileName(title string) string {
	if !utf8.ValidString(title) {
		title, _ = charmap.ISO8859_1.NewDecoder().String(title) // old scripts send it; it has a character for each byte
	}
	title = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`/\:*?"<>|`, r):
			return '_'
		case unicode.IsSpace(r):
			return ' '
		// Cf holds the marks that turn the direction of writing, by which
		// "exe.torrent" passes for another name.
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == utf8.RuneError:
			return -1
		}
		return r
	}, title)
	title = strings.Trim(strings.Join(strings.Fields(title), " "), " .")
	title = cutTorrentSuffix(title)
	return strings.Trim(cutBytes(title, maxFileName), " .")
}

// cutBytes returns the longest prefix of s that is at most n bytes and splits
// no character.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// asciiName returns name for clients that do not know filename*. It also replaces percent signs,
// because some clients decode escapes in the plain form (RFC 6266, appendix D).
func asciiName(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '%' {
			return '_'
		}
		return r
	}, name)
}

// extValue encodes name as the value-chars of RFC 8187, section 3.2.1.
func extValue(name string) string {
	var out strings.Builder
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
