package metainfo

import (
	"crypto/sha1"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

var sink int

// A torrent of 20 KB is the ordinary case; it must scan without allocation.
func BenchmarkScan20KB(b *testing.B) {
	data := torrenttest.Random(1, 20_000)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s := scanner{b: data}
		if err := s.scan(); err != nil {
			b.Fatal(err)
		}
		sink += s.pos
	}
}

func BenchmarkParse20KB(b *testing.B) {
	data := torrenttest.Random(1, 20_000)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		t, err := Parse(data)
		if err != nil {
			b.Fatal(err)
		}
		sink += t.info.start
	}
}

// The hash alone, which every Parse has to compute.
func BenchmarkSHA1Of20KB(b *testing.B) {
	data := torrenttest.Random(1, 20_000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		sum := sha1.Sum(data)
		sink += int(sum[0])
	}
}

// A torrent of many files has many tokens for its size.
func BenchmarkParse300Files(b *testing.B) {
	var files []torrenttest.File
	for i := range 300 {
		files = append(files, torrenttest.File{Path: "season/episode.mkv", Data: torrenttest.Data(uint64(i), 60_000)})
	}
	data := torrenttest.V1("files", files...)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		t, err := Parse(data)
		if err != nil {
			b.Fatal(err)
		}
		sink += t.info.start
	}
}
