package metainfo

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"

	"github.com/torrentcache/torrentcache/infohash"
)

// Parse reads a .torrent file. It keeps a reference to b, which must not change afterwards.
// After the outer dictionary it accepts only white space. The error is always an [*Error].
//
// Parse takes time in proportion to len(b), and at most len(b) bytes of memory besides b, for any
// content of b. It does not limit len(b).
func Parse(b []byte) (*Torrent, error) {
	p := parser{Torrent: &Torrent{b: b}, scanner: scanner{b: b}}
	if err := p.parse(); err != nil {
		return nil, err
	}
	return p.Torrent, nil
}

// parser fills in a Torrent. The Torrent is valid once parse returned nil.
type parser struct {
	*Torrent
	scanner scanner
}

func (p *parser) parse() *Error {
	if err := p.scanner.scan(); err != nil {
		return err
	}
	if err := p.checkEnd(p.scanner.pos); err != nil {
		return err
	}
	m := &p.scanner.marks
	if !m.info.found() {
		return fail(0, "the torrent has no `info` dictionary")
	}
	if !m.info.is(p.b, 'd') {
		return fail(m.info.start, "`info` is no dictionary")
	}
	p.info = m.info
	if err := p.parseInfo(m); err != nil {
		return err
	}
	p.hash()
	return nil
}

// checkEnd refuses anything after the outer dictionary, except the white space that text editors
// and old upload scripts leave.
func (p *parser) checkEnd(end int) *Error {
	for i, c := range p.b[end:] {
		switch c {
		case ' ', '\t', '\n', '\v', '\f', '\r':
		default:
			return fail(end+i, "the torrent is complete, yet more follows: %s", quote(c))
		}
	}
	return nil
}

// hash computes the info hashes over the raw bytes of the info dictionary: a SHA-256 for v2 and
// hybrid torrents, and a SHA-1 for v1 and hybrid ones. Legacy clients need the SHA-1; the store
// detects its collisions.
func (p *parser) hash() {
	info := p.info.of(p.b)
	isV2 := p.tree.found()
	if isV2 {
		p.ids.V2 = infohash.V2(sha256.Sum256(info))
	}
	if !isV2 || p.list.found() || p.scanner.single.length.found() {
		p.ids.V1 = infohash.V1(sha1.Sum(info))
	}
}

// Error says why a file is not a torrent that [Parse] accepts.
type Error struct {
	Offset int64  // of the byte where the rule is broken, from the start of the file
	Rule   string // the broken rule, in words a person can act on
}

// Error returns offset and rule, for example "at byte 57: `pieces` is 41 bytes
// long, want 20 bytes for each of the 2 pieces, 40". It quotes nothing of the
// file but printable ASCII.
func (e *Error) Error() string {
	return fmt.Sprintf("at byte %d: %s", e.Offset, e.Rule)
}

// fail returns the Error for the byte at offset.
func fail(offset int, format string, args ...any) *Error {
	return &Error{Offset: int64(offset), Rule: fmt.Sprintf(format, args...)}
}
