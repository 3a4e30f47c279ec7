package infohash

import (
	"errors"
	"fmt"
	"strings"
)

// around are the characters that may surround pasted text: white space, a byte order mark, and
// the characters that mails and shells put around links.
const around = " \t\r\n\v\f\u00a0\ufeff\"'<>"

// ParsePasted returns the ids in the texts that people paste: an id in any form that [Parse]
// accepts, a magnet link, `urn:btih:ID`, `ID.torrent`, or the URL of a download on any host. It
// ignores surrounding white space. Anything else is [ErrMalformed].
func ParsePasted(text string) (Set, error) {
	text = strings.Trim(text, around)
	if _, ok := cutPrefixFold(text, "magnet:"); ok {
		return ParseMagnet(text)
	}
	var set Set
	switch err := set.addTopic(text); {
	case err != nil:
		return Set{}, err
	case set != (Set{}):
		return set, nil
	}
	id, err := Parse(withoutSuffix(text))
	if err != nil && isURL(text) {
		id, err = parseURL(text)
	}
	return id.Set(), err
}

// withoutSuffix removes the suffix that a downloaded file has after its id.
func withoutSuffix(name string) string {
	const suffix = ".torrent"
	if at := len(name) - len(suffix); at >= 0 && strings.EqualFold(name[at:], suffix) {
		return name[:at]
	}
	return name
}

// isURL reports whether text is a URL, with or without its scheme, as browsers show it.
func isURL(text string) bool {
	return strings.Contains(text, "://") || strings.Contains(text, "/torrent/")
}

var errNoID = errors.New("no part of the URL's path is an info hash")

// parseURL returns the first id among the segments of a URL's path. Caches treat any text after
// 40 hex digits as a file name.
func parseURL(text string) (ID, error) {
	path, _, _ := strings.Cut(text, "?")
	for part := range strings.SplitSeq(path, "/") {
		if id, err := Parse(withoutSuffix(part)); err == nil {
			return id, nil
		}
		const digits = 2 * SizeV1
		if len(part) > digits && !isHexDigit(part[digits]) {
			if id, err := parseHex(part[:digits]); err == nil {
				return id, nil
			}
		}
	}
	return ID{}, fmt.Errorf("%w: %w", ErrMalformed, errNoID)
}

func isHexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
