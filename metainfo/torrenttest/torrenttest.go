// Package torrenttest builds .torrent files for tests: well-formed ones of all three kinds by
// [V1], [V2], [Hybrid] and [Random], and malformed ones by [Bencode] and its types. The same
// arguments always give the same bytes, and torrents of different names have different info
// hashes.
//
// The package imports no other package of the project, so that the tests of every package,
// metainfo included, may use it.
package torrenttest

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
)

// PieceLength is the piece length, in bytes, of every torrent built here except by [Random].
const PieceLength = 1 << 15

// announce is the tracker of the built torrents.
const announce = "http://tracker.example/announce"

// File is one file of a torrent. Slashes separate the segments of Path. If a torrent has one file
// and its Path is "", the file has the torrent's name.
type File struct {
	Path string
	Data []byte
	Attr string // BEP 47: any of p (pad), x, h, l; usually ""
}

// Data returns size bytes that depend on seed only.
func Data(seed uint64, size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8(sha256.Sum256([]byte(fmt.Sprint(seed))))
	r.Read(b) // never fails
	return b
}

// V1 returns a v1 torrent (BEP 3) of these files, in this order. Without files it has one file of
// 100,000 bytes, which is derived from name and has the torrent's name.
func V1(name string, files ...File) []byte {
	return torrent(v1Info(name, orDefault(name, files)), nil)
}

// V2 returns a v2 torrent (BEP 52) with all its piece layers. It takes files as [V1] does.
func V2(name string, files ...File) []byte {
	files = orDefault(name, files)
	info, layers := v2Info(name, files)
	return torrent(info, layers)
}

// Hybrid returns a torrent that is both v1 and v2 (BEP 52), with pad files (BEP 47) between its
// files and all its piece layers. It takes files as [V1] does, but sorted by the segments of
// their paths.
func Hybrid(name string, files ...File) []byte {
	files = orDefault(name, files)
	info, layers := v2Info(name, files)
	for k, v := range v1Info(name, padded(files)) {
		info[k] = v
	}
	return torrent(info, layers)
}

// Random returns a v1 torrent that depends on seed only. Its size is within a few hundred bytes
// of approxSize, and at least 300 bytes. Nearly all of it is piece hashes, as in real torrents.
func Random(seed uint64, approxSize int) []byte {
	pieces := max(1, (approxSize-280)/sha1.Size)
	name := fmt.Sprintf("random-%d", seed)
	const pieceLength = 1 << 18
	return torrent(Dict{
		"name":         name,
		"piece length": pieceLength,
		"pieces":       Data(seed, pieces*sha1.Size),
		"length":       int64(pieces)*pieceLength - int64(seed%pieceLength),
	}, nil)
}

func orDefault(name string, files []File) []File {
	if len(files) > 0 {
		return files
	}
	sum := sha256.Sum256([]byte(name))
	return []File{{Data: Data(uint64(sum[0])<<16|uint64(sum[1])<<8|uint64(sum[2]), 100_000)}}
}

func torrent(info, layers Dict) []byte {
	outer := Dict{
		"announce":      announce,
		"created by":    "torrenttest",
		"creation date": 1_262_304_000, // 2010-01-01
		"info":          info,
	}
	if layers != nil {
		outer["piece layers"] = layers
	}
	return Bencode(outer)
}

func split(path string) List {
	var parts List
	for part := range strings.SplitSeq(path, "/") {
		parts = append(parts, part)
	}
	return parts
}
