//go:build e2e

package metainfodiff

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/metainfo"
	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// disagreement is a torrent that we refuse and libtorrent accepts, or vice versa.
type disagreement struct {
	b      []byte
	ours   metainfo.Error // zero if we accept
	theirs string         // libtorrent's error, or ""
}

// difference is a class of torrents on which we differ from libtorrent 2.0.8 on purpose.
// docs/metainfo.md lists each class under the same name, with its reason.
type difference struct {
	name string
	rule string // part of our error, where we refuse; "" where libtorrent does
	// applies checks for the cause without our parser.
	applies func(disagreement) bool
}

const privateOverflow = "private overflow"

var overflowingPrivate = regexp.MustCompile(`7:privatei-?\d{19,20}e`)

func differences() []difference {
	return []difference{
		{"trailing bytes", "the torrent is complete, yet more follows", endsWithMore},
		{"second info", "a second `info`", repeats("4:info")},
		{"second piece layers", "a second `piece layers`", repeats("12:piece layers")},
		{"piece length", "`piece length` is not between", hasGreatPieceLength},
		{"piece layer hash", "the piece layer does not hash", hasWrongLayer},
		{"repeated piece layer", "the piece layer is", repeatsRoot},
		{"integer overflow", "is not between 0 and", contains(`6:lengthi-?\d{19,20}e`)},
		{"meta version overflow", "`meta version` is not 1 or 2", contains(`12:meta versioni\d{10,}e`)},
		{"minus zero", "the integer has leading zeros or is minus zero", contains(`i-0`)},
		{"hybrid without v1 files", "`files` is empty", contains(`5:filesle`)},
		{"magnet link", "the torrent has no `info` dictionary", contains(`10:magnet-uri`)},
		{"hybrid names", "the files that v1 and v2 describe differ at file", hasOddName},
		{privateOverflow, "", func(disagreement) bool { return false }}, // both accept; see TestAgreesWithLibtorrent
		{"unusable name", "", func(d disagreement) bool { return d.theirs == "missing name in torrent file" }},
	}
}

// classify returns the name of the intended difference, or "".
func classify(b []byte, ours error, theirs string) string {
	d := disagreement{b: b, theirs: theirs}
	if e := (*metainfo.Error)(nil); errors.As(ours, &e) {
		d.ours = *e
	}
	for _, class := range differences() {
		if (class.rule == "") == (ours == nil) && strings.Contains(d.ours.Rule, class.rule) && class.applies(d) {
			return class.name
		}
	}
	return ""
}

func contains(pattern string) func(disagreement) bool {
	re := regexp.MustCompile(pattern)
	return func(d disagreement) bool { return re.Match(d.b) }
}

func repeats(key string) func(disagreement) bool {
	return func(d disagreement) bool { return bytes.Count(d.b, []byte(key)) > 1 }
}

// endsWithMore reports whether the torrent is accepted without its end, and the end is more than
// white space.
func endsWithMore(d disagreement) bool {
	rest := d.b[d.ours.Offset:]
	_, err := metainfo.Parse(d.b[:d.ours.Offset])
	return len(bytes.TrimSpace(rest)) > 0 && (err == nil || classify(d.b[:d.ours.Offset], err, d.theirs) != "")
}

// pieceLength returns the first piece length that the bytes show, or 0.
func pieceLength(b []byte) int64 {
	m := regexp.MustCompile(`12:piece lengthi0*(\d{1,10})e`).FindSubmatch(b)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(m[1]), 10, 64) // no error: few digits
	return n
}

// hasGreatPieceLength reports whether the piece length is between our limit and that of
// libtorrent 2.0.8, 2^30.
func hasGreatPieceLength(d disagreement) bool {
	n := pieceLength(d.b)
	return n > metainfo.MaxPieceLength && n < 1<<30
}

// hasWrongLayer recomputes the root of the layer that we refuse, by the plain implementation of
// package torrenttest.
func hasWrongLayer(d disagreement) bool {
	head, layer := d.b[:d.ours.Offset], d.b[d.ours.Offset:]
	digits := bytes.TrimSuffix(head, []byte(":"))
	head = bytes.TrimRight(digits, "0123456789")
	// The root before the digits may itself end in digits. So try each split, and take the one
	// that leaves a root of 32 bytes after "32:" and a layer of the given length.
	for ; len(head) < len(digits); head = digits[:len(head)+1] {
		size, err := strconv.Atoi(string(digits[len(head):]))
		if err == nil && size > 0 && size%32 == 0 && size <= len(layer) && len(head) >= 35 && bytes.HasSuffix(head[:len(head)-32], []byte("32:")) {
			return !bytes.Equal(head[len(head)-32:], tt.MerkleRoot(layer[:size], int(pieceLength(d.b))))
		}
	}
	return false
}

// repeatsRoot reports whether two entries of `piece layers` have the same key.
func repeatsRoot(d disagreement) bool {
	_, layers, _ := bytes.Cut(d.b, []byte("12:piece layers"))
	seen := map[string]bool{}
	for {
		_, rest, found := bytes.Cut(layers, []byte("32:"))
		if !found || len(rest) < 32 {
			return false
		}
		if seen[string(rest[:32])] {
			return true
		}
		seen[string(rest[:32])] = true
		layers = rest
	}
}

// hasOddName reports whether the torrent has a name that libtorrent changes before it compares
// names.
func hasOddName(d disagreement) bool {
	return bytes.ContainsAny(d.b, "/\\\x00\r\n") || contains(`1:\.|2:\.\.|longlong`)(d)
}
