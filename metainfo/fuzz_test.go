package metainfo

import (
	"bytes"
	"errors"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func addSeeds(f *testing.F) {
	files := []torrenttest.File{{Path: "a", Data: torrenttest.Data(1, 40_000)}, {Path: "d/b", Data: torrenttest.Data(2, 5)}}
	f.Add(torrenttest.V1("one"))
	f.Add(torrenttest.V1("two", files...))
	f.Add(torrenttest.V2("one"))
	f.Add(torrenttest.V2("two", files...))
	f.Add(torrenttest.Hybrid("one"))
	f.Add(torrenttest.Hybrid("two", files...))
	f.Add([]byte("d4:infod6:lengthi5e4:name1:x12:piece lengthi1e6:pieces0:ee"))
}

// The functions that read well-formed bytes can read all bytes that scan accepts. They end at the
// same offset.
func FuzzScan(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := scanner{b: b}
		if err := s.scan(); err != nil {
			if err.Offset < 0 || err.Offset > int64(len(b)) || err.Rule == "" {
				t.Errorf("the error is %+v", err)
			}
			return
		}
		if end := skip(b, 0); end != s.pos {
			t.Errorf("scan ends at %d, skip at %d", s.pos, end)
		}
		whole := span{0, s.pos}
		_ = checkCanonical(b, whole)
		for key, value := range pairs(b, whole) {
			if string(key.of(b)) == "info" && value != s.info {
				t.Errorf("info is marked at %v, found at %v", s.info, value)
			}
		}
	})
}

// A torrent that Parse accepts can be described, listed and completed, and is
// accepted again with the same ids when it is completed.
func FuzzParse(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		given := bytes.Clone(b)
		torrent, err := Parse(b)
		if !bytes.Equal(b, given) {
			t.Fatal("Parse changed its input")
		}
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) || torrent != nil {
				t.Errorf("got %v and %v", torrent, err)
			}
			return
		}
		checkAccepted(t, torrent)
		if merged, ok := Complete(torrent, torrent); ok {
			t.Errorf("a torrent completes itself: %q", merged)
		}
	})
}

func checkAccepted(t *testing.T, torrent *Torrent) {
	d := torrent.Describe()
	if d.PieceLength < 1 || d.PieceLength > MaxPieceLength || d.PieceCount < 1 || d.PieceCount > MaxPieces {
		t.Errorf("%d pieces of %d bytes", d.PieceCount, d.PieceLength)
	}
	var size int64
	files := torrent.Files(0, d.FileCount+1)
	for _, file := range files {
		if !file.Pad {
			size += file.Length
		}
	}
	if len(files) != d.FileCount || d.FileCount < 1 || size != torrent.TotalSize() {
		t.Errorf("%d files of %d bytes, want %d of %d", len(files), size, d.FileCount, torrent.TotalSize())
	}
	ids := torrent.IDs()
	if ids.Primary().IsZero() {
		t.Error("no id")
	}
	offset, length := torrent.InfoSpan()
	alone, err := Parse(torrenttest.Bencode(torrenttest.Dict{"info": torrenttest.Raw(torrent.b[offset : offset+length])}))
	if err != nil || alone.IDs() != ids {
		t.Fatalf("the info dictionary alone gives %v", err)
	}
	if merged, ok := Complete(alone, torrent); ok {
		again, err := Parse(merged)
		if err != nil || again.IDs() != ids {
			t.Errorf("completed, it gives %v", err)
		}
	}
}
