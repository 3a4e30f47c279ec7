package metainfo

import "unicode/utf8"

// MaxText is the maximum size in bytes of each text of a [Description] or a [File]. It counts
// UTF-8 with U+FFFD for each invalid byte, so a caller may replace invalid bytes later without
// exceeding it. A longer text is truncated and ends with [CutMark].
const MaxText = 64 << 10

// CutMark ends a truncated text. In a path it replaces the omitted segments.
const CutMark = "…"

// Bounds of the total size of texts in bytes, each text counted with textCost more than its
// length. They keep a description below the 4 MiB that gRPC clients accept.
const (
	maxListTexts = 512 << 10 // of the lists of a Description
	maxPageTexts = 1 << 20   // of a page of files, which may exceed it by one file
	maxPathTexts = 2 * MaxText
	textCost     = 16 // an empty text takes memory as well
)

// texts copies texts out of a torrent, within bounds.
type texts struct {
	b    []byte
	left int  // bytes left for texts; negative if they exceeded the bound
	cut  bool // a text was truncated or omitted
}

// text copies the content of a string.
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

// room reports whether there is room for another text. If not, it records that one is omitted.
func (x *texts) room() bool {
	if x.left <= 0 {
		x.cut = true
	}
	return x.left > 0
}

// prefix returns the length of the longest prefix of b, up to the end of a rune, that has at
// most limit bytes as UTF-8, and its size as UTF-8.
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
