package diskstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// oneGroup is a store with five torrents that were acknowledged as one group, on
// a disk whose power can be cut.
func oneGroup(t *testing.T) (*Store, []store.Item) {
	t.Helper()
	s := mustOpen(t, onDisk(vfs.NewCrashableMem(), "/store"))
	var items []store.Item
	for seed := range uint64(5) {
		items = append(items, storetest.Torrent(storetest.Shape(seed%3), seed, 3000, 0))
	}
	for i, r := range s.Put(t.Context(), items) {
		if r.Err != nil {
			t.Fatal(i, r.Err)
		}
	}
	return s, items
}

// afterCrash returns options for the disk after a power cut that takes nothing but unsynced data.
func afterCrash(s *Store) Options {
	o := s.options
	o.FS = o.FS.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
	return o
}

// damageOf has a bit of a torrent's body flipped.
func damageOf(t *testing.T, s *Store, o Options, item store.Item) {
	t.Helper()
	at := s.where(t, item.IDs.Primary())
	flip(t, o.FS, fileOf(o, at.Segment), at.Offset+format.HeaderSize+int64(at.Length)/2)
}

// servesBut fails unless s serves items, but for the one that is damaged.
func servesBut(t *testing.T, s *Store, items []store.Item, damaged int, want error) {
	t.Helper()
	for i, item := range items {
		if i != damaged {
			serves(t, s, item)
		} else if _, err := s.Get(t.Context(), item.IDs.Primary(), nil); !errors.Is(err, want) {
			t.Errorf("Get of what is damaged = %v, want %v", err, want)
		}
	}
}

// TestDamageAtRest damages the last group of a store that came to rest before the
// power was cut, or that was closed and lost its index: it is known that all of it
// was acknowledged.
func TestDamageAtRest(t *testing.T) {
	for damaged := range 5 {
		t.Run(fmt.Sprint("power cut ", damaged), func(t *testing.T) {
			s, items := oneGroup(t)
			s.noteSynced()
			o := afterCrash(s)
			damageOf(t, s, o, items[damaged])
			servesBut(t, mustOpen(t, o), items, damaged, store.ErrDamaged)
		})
		t.Run(fmt.Sprint("closed, index lost ", damaged), func(t *testing.T) {
			s, items := oneGroup(t)
			damageOf(t, s, s.options, items[damaged])
			servesBut(t, reopened(t, s, true), items, damaged, store.ErrDamaged)
		})
		t.Run(fmt.Sprint("backup ", damaged), func(t *testing.T) {
			s, items := oneGroup(t)
			o := s.options
			o.Dir = "/backup"
			if err := s.Backup(t.Context(), o.Dir, nil); err != nil {
				t.Fatal(err)
			}
			damageOf(t, s, o, items[damaged])
			servesBut(t, mustOpen(t, o), items, damaged, store.ErrDamaged)
		})
	}
}

// TestDamageInLastGroup damages a torrent of a group that was acknowledged right before the power
// was cut, too late to be noted as synced: the others of the group are served.
func TestDamageInLastGroup(t *testing.T) {
	if raced {
		return // see raced
	}
	for damaged := range 5 {
		for _, part := range []int64{format.HeaderSize + 7, 0, 44} {
			s, items := oneGroup(t)
			o := afterCrash(s)
			if err := o.FS.RemoveAll(o.FS.PathJoin(o.Dir, files.SyncedName)); err != nil { // its time may have come already
				t.Fatal(err)
			}
			at := s.where(t, items[damaged].IDs.Primary())
			flip(t, o.FS, fileOf(o, at.Segment), at.Offset+part)
			flip(t, o.FS, fileOf(o, at.Segment), at.Offset+part+1) // one bit could be told
			for range 2 {
				again := mustOpen(t, o)
				servesBut(t, again, items, damaged, store.ErrNotFound)
				mustClose(t, again)
			}
			again := mustOpen(t, o)
			mustPut(t, again, items[damaged], store.Created)
			serves(t, reopened(t, again, true), items[damaged])
		}
	}
}

// TestMark opens a store without the note of how far it was synced, with a torn one,
// and with one of another store. Acknowledged torrents are served.
func TestMark(t *testing.T) {
	s, items := oneGroup(t)
	s.noteSynced()
	o := afterCrash(s)
	name := o.FS.PathJoin(o.Dir, files.SyncedName)
	whole := readFile(t, o.FS, name)
	if r, ok := format.ParseMark(whole); !ok || r.Store != s.id || r.Segment != 1 || r.Offset != s.committer.Stats().Offset {
		t.Errorf("the note says %+v, %v", r, ok)
	}
	for i := range whole {
		b := append([]byte(nil), whole...)
		b[i] ^= 1 << rand.IntN(8)
		if r, ok := format.ParseMark(b); ok {
			t.Errorf("byte %d changed: %+v is taken", i, r)
		}
	}
	foreign := format.Mark{Store: format.StoreID{9}, Segment: 1, Offset: 1 << 40}
	for name, b := range map[string][]byte{"none": nil, "torn": whole[:20], "foreign": foreign.Encode()} {
		t.Run(name, func(t *testing.T) {
			o := afterCrash(s)
			writeFile(t, o.FS, o.FS.PathJoin(o.Dir, files.SyncedName), b)
			servesBut(t, mustOpen(t, o), items, -1, nil)
		})
	}
	t.Run("the segment is shorter", func(t *testing.T) {
		o := afterCrash(s)
		at := s.where(t, items[3].IDs.Primary())
		b := readFile(t, o.FS, fileOf(o, 1))
		writeFile(t, o.FS, fileOf(o, 1), b[:at.Offset+100])
		again := mustOpen(t, o)
		servesBut(t, again, items[:3], -1, nil)
		mustPut(t, again, items[3], store.Created)
		servesBut(t, reopened(t, again, true), items[:4], -1, nil)
	})
}

// TestVoidStaysVoid tears the end of the log, has it read otherwise later, and
// compacts the segment whose header says that this end is void: the one before has
// to go as well.
func TestVoidStaysVoid(t *testing.T) {
	o, items := three(t)
	ghost := storetest.Torrent(storetest.V1, 50, 300, 0)
	s := mustOpen(t, o)
	for _, r := range s.Put(t.Context(), []store.Item{faultTorrent(5), ghost}) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	torn := s.where(t, ghost.IDs.V1).Offset + format.HeaderSize + 9
	mustClose(t, s)
	if err := o.FS.Remove(o.FS.PathJoin(o.Dir, files.SyncedName)); err != nil {
		t.Fatal(err)
	}
	flip(t, o.FS, fileOf(o, 1), torn)
	if err := o.FS.RemoveAll(o.FS.PathJoin(o.Dir, files.IndexDir)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpen(t, o))
	flip(t, o.FS, fileOf(o, 1), torn)
	s = mustOpen(t, o)
	c := &compaction{store: s}
	mustPut(t, s, faultTorrent(6), store.Created)
	if err := c.segment(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	s = reopened(t, s, true)
	for _, item := range append(items, faultTorrent(5), faultTorrent(6)) {
		serves(t, s, item)
	}
	if _, err := s.Get(t.Context(), ghost.IDs.V1, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of what was void = %v", err)
	}
}
