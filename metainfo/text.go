package metainfo

import "unicode/utf8"

// MaxText bounds each text of a [Description] or a [File], in bytes, counted as UTF-8
// with U+FFFD in place of each invalid byte: so a text stays within MaxText bytes when
// a caller replaces these later. A longer text ends with [CutMark].
const MaxText = 64 << 10

// CutMark ends a text that was cut. In a path it stands for the segments left out.
const CutMark = "…"

// Bounds of texts together, in bytes, each text counted with textCost more than it has.
// With them what is said of a torrent stays below the 4 MiB that gRPC clients take.
const (
	maxListTexts = 512 << 10 // of the lists of a Description
	maxPageTexts = 1 << 20   // of a page of files, which may exceed it by one file
	maxPathTexts = 2 * MaxText
	textCost     = 16 // an empty text takes memory as well
)

// texts copies texts out of a torrent, within bounds.
type texts struct {
	b    []byte
	left int  // bytes that the texts may still take; less than 0 when they took more
	cut  bool // a text was cut or left out
}

// text copies what is inside a string.
func (x *texts) text(content span) string {
	b := content.of(x.b)
	n, size := prefix(b, MaxText)
	if n == len(b) {
		x.left -= size + textCost
		return string(b)
	}
	x.cut = true
	n, size = prefix(b, MaxText-len(CutMark))
	x.left -= size + len(CutMark) + textCost
	return string(b[:n]) + CutMark
}

// room reports whether another text may be taken. If not, that one is left out.
func (x *texts) room() bool {
	if x.left <= 0 {
		x.cut = true
	}
	return x.left > 0
}

// prefix returns how many of b's first bytes have at most limit bytes as UTF-8, up to
// the end of a rune, and how many bytes they have as that.
func prefix(b []byte, limit int) (n, size int) {
	for n < len(b) {
		_, width := utf8.DecodeRune(b[n:])
		asUTF8 := width
		if width == 1 && b[n] >= utf8.RuneSelf {
			asUTF8 = len("\uFFFD")
		}
		if size+asUTF8 > limit {
			break
		}
		n += width
		size += asUTF8
	}
	return n, size
}
