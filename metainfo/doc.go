// Package metainfo reads .torrent files: v1 (BEP 3), v2 (BEP 52) and hybrid
// torrents, which are both at once.
//
// [Parse] is the only entry point. It takes the bytes of a file from any source, and returns a
// [Torrent], which is always valid, or an [Error], which names the offending byte and the broken
// rule. The rules are those of libtorrent 2.0.8, the library behind most of today's clients.
// Parse accepts the files that libtorrent loads, with a short list of exceptions:
// docs/metainfo.md gives their reasons, and test/metainfodiff proves the list.
//
// # How it works
//
// A torrent is not decoded into values. One pass over the bytes (scan.go) checks that they are
// well-formed bencoding within the limits below, and marks the positions of the keys of the
// outer and the info dictionary. The rules (v1.go, v2.go, hybrid.go, layers.go) then read the
// marked spans in place. No step recurses, and none allocates per token: a parse allocates the
// Torrent and, if the file has `piece layers`, 16 bytes for each of them.
//
// Info hashes are computed over the raw bytes of the info dictionary, never over a re-encoding.
//
// # Strings
//
// Names, paths, tracker URLs and comments are returned unchanged. They may hold any bytes: NUL,
// CR LF, "..", slashes, text that is not UTF-8. Code that prints them, puts them into a header
// or builds a path from them must escape them first.
package metainfo

// Limits of a file that [Parse] accepts. They are those of libtorrent 2.0.8,
// except MaxPieceLength, which is that of its later code (32,767 blocks of
// 16 KiB).
const (
	// MaxDepth bounds the nesting of lists and dictionaries: fewer than
	// MaxDepth may be open at once, the outer dictionary included.
	MaxDepth = 100
	// MaxTokens bounds the strings, integers, and beginnings and ends of lists
	// and dictionaries.
	MaxTokens = 3_000_000
	// MaxPieces bounds the pieces of a torrent.
	MaxPieces = 1 << 21
	// MaxPieceLength bounds `piece length`, in bytes.
	MaxPieceLength = 536_854_528
	// MaxFileLength bounds the length of one file in bytes.
	MaxFileLength = (1<<30-1)*blockSize - 1
	// MaxTotalLength bounds the lengths of all files together in bytes, pad
	// files included, and for v2 the padding of each file to whole pieces.
	MaxTotalLength = 1<<48 - 1
)

// blockSize is the size in bytes of the data under one leaf of a v2 Merkle tree (BEP 52).
const blockSize = 16 << 10
