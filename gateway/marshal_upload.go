package gateway

import (
	"bytes"
	"encoding/base64"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// minCut is from which length a torrent is taken out of its JSON before protojson
// reads it, in base64 digits.
const minCut = 1 << 10

// unmarshalUpload reads a CacheTorrentRequest as protojson does, and reports
// whether it did; if not, protojson has the word, which begins anew. It knows the
// shape that nearly all requests have, and leaves to protojson whatever else
// there is, errors above all.
func unmarshalUpload(data []byte, m *torrentcachev1.CacheTorrentRequest) bool {
	begin, end, ok := findTorrent(data)
	if !ok || end-begin < minCut {
		return false
	}
	torrent, ok := decodeBase64(data[begin:end])
	if !ok {
		return false
	}
	rest := make([]byte, 0, len(data)-(end-begin))
	rest = append(append(rest, data[:begin]...), data[end:]...)
	if protojson.Unmarshal(rest, m) != nil {
		return false
	}
	m.Torrent = torrent
	return true
}

// findTorrent returns where in an object of plain strings the value of torrent
// is, without its quotation marks. It gives up on anything it does not expect,
// such as an escape, another kind of value, or a second torrent.
func findTorrent(data []byte) (begin, end int, ok bool) {
	s := scanner{data: data}
	found := false
	for separator := byte('{'); s.next(separator); separator = ',' {
		keyBegin, keyEnd := s.text()
		if !s.next(':') {
			return 0, 0, false
		}
		valueBegin, valueEnd := s.text()
		if s.failed {
			return 0, 0, false
		}
		if string(data[keyBegin:keyEnd]) == "torrent" {
			if found {
				return 0, 0, false
			}
			begin, end, found = valueBegin, valueEnd, true
		}
	}
	return begin, end, found && s.next('}')
}

// scanner steps through the simplest of JSON.
type scanner struct {
	data   []byte
	at     int
	failed bool
}

// next passes over white space and then c; it reports whether c was there.
func (s *scanner) next(c byte) bool {
	for s.at < len(s.data) && bytes.IndexByte([]byte(" \t\r\n"), s.data[s.at]) >= 0 {
		s.at++
	}
	if s.at == len(s.data) || s.data[s.at] != c {
		return false
	}
	s.at++
	return true
}

// text passes over a string and returns where it is, without its quotation marks.
func (s *scanner) text() (begin, end int) {
	if !s.next('"') {
		s.failed = true
		return 0, 0
	}
	begin = s.at
	n := bytes.IndexByte(s.data[begin:], '"')
	if n < 0 || bytes.IndexByte(s.data[begin:begin+n], '\\') >= 0 {
		s.failed = true
		return 0, 0
	}
	s.at = begin + n + 1
	return begin, begin + n
}

// decodeBase64 decodes what protojson accepts for bytes: either alphabet, with
// padding or without, but nothing else. The package base64 would pass over line
// breaks, which cannot stand in JSON.
func decodeBase64(digits []byte) ([]byte, bool) {
	if bytes.IndexByte(digits, '\n') >= 0 || bytes.IndexByte(digits, '\r') >= 0 {
		return nil, false
	}
	encoding := base64.StdEncoding
	if bytes.IndexByte(digits, '-') >= 0 || bytes.IndexByte(digits, '_') >= 0 {
		encoding = base64.URLEncoding
	}
	if len(digits)%4 != 0 {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	decoded := make([]byte, encoding.DecodedLen(len(digits)))
	n, err := encoding.Decode(decoded, digits)
	return decoded[:n:n], err == nil
}
