package deny

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/torrentcache/torrentcache/infohash"
)

// The beginnings of lines.
var (
	byteOrderMark = []byte("\uFEFF")
	digestMark    = []byte("//")
	magnetScheme  = []byte("magnet:")
)

// named is the content of a line. The zero value is that of an empty line.
type named struct {
	ids    infohash.Set // the ids of one torrent; a 20-byte id is in V1, even a truncated v2 id
	digest *[sha256.Size]byte
}

// parseLine parses a line without its line feed. The error says which form is expected.
func parseLine(line []byte) (named, error) {
	line, _, _ = bytes.Cut(line, []byte("#"))
	line = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(line), byteOrderMark))
	switch {
	case len(line) == 0:
		return named{}, nil
	case bytes.HasPrefix(line, digestMark):
		return parseDigest(line)
	case len(line) >= len(magnetScheme) && bytes.EqualFold(line[:len(magnetScheme)], magnetScheme):
		set, err := infohash.ParseMagnet(string(line))
		if err != nil {
			return named{}, fmt.Errorf("%w: got %s", err, quote(line))
		}
		return named{ids: set}, nil
	}
	id, err := infohash.Parse(string(line))
	if err != nil {
		return named{}, fmt.Errorf("want an info hash, a magnet link, or // and 64 hex digits: got %s", quote(line))
	}
	return named{ids: id.Set()}, nil
}

func parseDigest(line []byte) (named, error) {
	digits := bytes.TrimSpace(line[len(digestMark):])
	var digest [sha256.Size]byte
	if len(digits) != hex.EncodedLen(len(digest)) {
		return named{}, fmt.Errorf("want 64 hex digits after //: got %s", quote(line))
	}
	if _, err := hex.Decode(digest[:], digits); err != nil {
		return named{}, fmt.Errorf("want 64 hex digits after //: got %s", quote(line))
	}
	return named{digest: &digest}, nil
}

// digestOf returns the digest of an id, as it stands after // in a line.
func digestOf(id infohash.ID) [sha256.Size]byte { return sha256.Sum256([]byte(id.String())) }

// quote returns a line for an error message, in printable form and cut if it is long.
func quote(line []byte) string {
	const most = 80 // bytes
	if len(line) > most {
		return strconv.QuoteToASCII(string(line[:most])) + "..."
	}
	return strconv.QuoteToASCII(string(line))
}
