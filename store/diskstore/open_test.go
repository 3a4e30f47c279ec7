package diskstore

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/recovery"
	"github.com/torrentcache/torrentcache/store/storetest"
)

func TestOpenLocked(t *testing.T) {
	for name, o := range map[string]Options{
		"in memory": onDisk(vfs.NewMem(), "/store"),
		"on disk":   onDisk(nil, t.TempDir()),
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, o)
			if _, err := Open(o); !errors.Is(err, ErrLocked) {
				t.Errorf("second Open = %v, want ErrLocked", err)
			}
			mustPut(t, s, faultTorrent(1), store.Created)
			mustClose(t, s)
			serves(t, mustOpen(t, o), faultTorrent(1))
		})
	}
}

func TestOpenMakesFolders(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	mustOpen(t, onDisk(nil, dir))
	if _, err := os.Stat(filepath.Join(dir, files.SegmentsDir, format.SegmentName(1))); err != nil {
		t.Error(err)
	}
	if _, err := Open(Options{}); err == nil {
		t.Error("Open without Dir succeeded")
	}
}

// rewriteHeader changes both copies of a segment's header.
func rewriteHeader(t *testing.T, o Options, segment uint64, change func(h []byte)) {
	t.Helper()
	b := readFile(t, o.FS, fileOf(o, segment))
	for _, offset := range []int{0, format.SegmentCopy} {
		h := b[offset:][:format.SegmentHeaderSize]
		change(h)
		last := format.SegmentHeaderSize - 4
		binary.LittleEndian.PutUint32(h[last:], format.Checksum(h[:last]))
	}
	writeFile(t, o.FS, fileOf(o, segment), b)
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(h []byte)
		want   error
		text   string
	}{
		{"a newer format", func(h []byte) { h[8]++ }, ErrNewerFormat, format.SegmentName(1)},
		{"a renamed segment", func(h []byte) { h[32]++ }, nil, "segment 2 under another name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o, items := three(t)
			whole := readFile(t, o.FS, fileOf(o, 1))
			rewriteHeader(t, o, 1, test.change)
			_, err := Open(o)
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("Open = %v", err)
			}
			writeFile(t, o.FS, fileOf(o, 1), whole)
			serves(t, mustOpen(t, o), items[0]) // and it harmed nothing
		})
	}
	t.Run("a segment of another store", func(t *testing.T) {
		o, _ := three(t)
		other, _ := three(t)
		foreign := readFile(t, other.FS, fileOf(other, 1))
		writeFile(t, o.FS, fileOf(o, 2), foreign)
		rewriteHeader(t, o, 2, func(h []byte) { h[32] = 2 })
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "another store") {
			t.Errorf("Open = %v", err)
		}
	})
	t.Run("no readable header", func(t *testing.T) {
		o, items := three(t)
		rewriteHeader(t, o, 1, func(h []byte) { h[0]++ })
		whole := snapshot(t, o.FS).mount(t)
		s := mustOpen(t, o) // the index says whose segment it is
		serves(t, s, items[0])
		o.FS = whole
		for _, name := range []string{files.IndexDir, files.SyncedName} {
			if err := o.FS.RemoveAll(o.FS.PathJoin(o.Dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Open(o); !errors.Is(err, format.ErrNoSegmentHeader) {
			t.Errorf("Open = %v", err)
		}
	})
}

// TestSegmentHeaderLost loses the header of one segment among several.
func TestSegmentHeaderLost(t *testing.T) {
	for _, lost := range []uint64{1, 2, 3} {
		o := onDisk(vfs.NewMem(), "/store")
		s := mustOpen(t, o)
		var items []store.Item
		for seed := uint64(0); s.committer.Stats().Segment < 3; seed++ {
			items = append(items, faultTorrent(seed))
			mustPut(t, s, items[seed], store.Created)
		}
		mustClose(t, s)
		rewriteHeader(t, o, lost, func(h []byte) { h[0]++ })
		if err := o.FS.RemoveAll("/store/" + files.IndexDir); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, o)
		for _, item := range items {
			serves(t, s, item)
		}
	}
}

// TestTornCreation leaves a segment file that was never finished.
func TestTornCreation(t *testing.T) {
	for _, size := range []int{0, 100, format.SegmentStart} {
		o, items := three(t)
		writeFile(t, o.FS, fileOf(o, 2), make([]byte, size))
		s := mustOpen(t, o)
		serves(t, s, items[0])
		mustPut(t, s, faultTorrent(7), store.Created)
		serves(t, s, faultTorrent(7))
	}
	t.Run("of the first", func(t *testing.T) {
		o := onDisk(vfs.NewMem(), "/store")
		if err := o.FS.MkdirAll("/store/"+files.SegmentsDir, 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, o.FS, fileOf(o, 1), make([]byte, 100))
		mustPut(t, mustOpen(t, o), faultTorrent(7), store.Created)
	})
}

// TestSegments shows when segments are continued and when new ones begin.
func TestSegments(t *testing.T) {
	o := onDisk(vfs.NewMem(), "/store")
	count := func() int {
		ids, err := log.List(o.FS, "/store/"+files.SegmentsDir)
		if err != nil {
			t.Fatal(err)
		}
		return len(ids)
	}
	s := mustOpen(t, o)
	mustPut(t, s, faultTorrent(0), store.Created)
	mustClose(t, s)
	s = mustOpen(t, o)
	mustPut(t, s, faultTorrent(1), store.Created)
	if n := count(); n != 1 {
		t.Errorf("%d segments after a clean close, want the same one", n)
	}
	mustClose(t, s)
	if err := o.FS.RemoveAll("/store/" + files.IndexDir); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	if n := count(); n != 2 {
		t.Errorf("%d segments after an unclean end, want a new one", n)
	}
	if n := s.committer.Stats().Sequence; n < 2+recovery.TornSequences {
		t.Errorf("the next sequence is %d; what was torn may have used it", n+1)
	}
	large := storetest.Torrent(storetest.V1, 50, 3*int(o.SegmentSize), 0)
	mustPut(t, s, large, store.Created)
	serves(t, s, large)
	mustPut(t, s, faultTorrent(2), store.Created)
	if n := count(); n != 3 {
		t.Errorf("%d segments, want one more behind the large torrent", n)
	}
	serves(t, s, faultTorrent(0))
	stats, err := s.Stats(t.Context())
	if err != nil || stats.DiskUsed < stats.Bytes || stats.DiskUsed > 2*stats.Bytes {
		t.Errorf("Stats = %+v, %v", stats, err)
	}
}

// TestNewStoreNewEpoch makes a store in the place of a deleted one: cursors of
// the old begin anew.
func TestNewStoreNewEpoch(t *testing.T) {
	o := onDisk(vfs.NewMem(), "/store")
	var cursors []store.Cursor
	for range 2 {
		now := fixedClock().Add(time.Duration(len(cursors)) * time.Second)
		o.Clock = func() time.Time { return now }
		s := mustOpen(t, o)
		mustPut(t, s, faultTorrent(0), store.Created)
		changes, next, err := s.Changes(t.Context(), store.Cursor{}, 10)
		if err != nil || len(changes) != 1 {
			t.Fatal(changes, err)
		}
		cursors = append(cursors, next)
		mustClose(t, s)
		if err := o.FS.RemoveAll("/store"); err != nil {
			t.Fatal(err)
		}
	}
	if cursors[0].Epoch == cursors[1].Epoch {
		t.Errorf("both stores have epoch %d", cursors[0].Epoch)
	}
}
