package diskstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// TestDamagedIndex damages every file of the index, one after the other: the
// torrents are found nevertheless, at the latest when the store is opened again.
func TestDamagedIndex(t *testing.T) {
	o, _ := three(t)
	names, err := o.FS.List("/store/" + files.IndexDir)
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	damages := map[string]func([]byte) []byte{
		"empty":     func(b []byte) []byte { return nil },
		"cut":       func(b []byte) []byte { return b[:len(b)/2] },
		"beginning": func(b []byte) []byte { return append([]byte{^b[0]}, b[1:]...) },
		"middle":    func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"zeros":     func(b []byte) []byte { return make([]byte, len(b)) },
	}
	for _, name := range names {
		for damage, change := range damages {
			t.Run(name+" "+damage, func(t *testing.T) {
				o, items := three(t)
				path := "/store/" + files.IndexDir + "/" + name
				if b := readFile(t, o.FS, path); len(b) > 0 {
					writeFile(t, o.FS, path, change(b))
				}
				s := mustOpen(t, o)
				if !allServed(t, s, items) {
					mustClose(t, s)
					s = mustOpen(t, o)
				}
				for _, item := range items {
					serves(t, s, item)
				}
			})
		}
	}
}

// TestIndexDamageFoundLate damages a part of the index that opening does not read: a
// caller that comes upon it is told to try again, and the next Open builds it anew.
func TestIndexDamageFoundLate(t *testing.T) {
	s, items := filled(t, 1000)
	mustClose(t, s)
	o := s.options
	names, err := o.FS.List(o.FS.PathJoin(o.Dir, files.IndexDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := o.FS.PathJoin(o.Dir, files.IndexDir, name)
		if b := readFile(t, o.FS, path); strings.HasSuffix(name, ".sst") && len(b) > 50_000 {
			b[len(b)/2] ^= 1
			writeFile(t, o.FS, path, b)
		}
	}
	s = mustOpen(t, o)
	if allServed(t, s, items) {
		t.Error("nobody came upon the damage")
	}
	s = reopened(t, s, false)
	for _, item := range items {
		serves(t, s, item)
	}
}

// allServed reports whether s gives all items back. Where it does not, it must
// say that it cannot answer now.
func allServed(t *testing.T, s *Store, items []store.Item) bool {
	t.Helper()
	for _, item := range items {
		if _, err := s.Get(t.Context(), item.IDs.Primary(), nil); err != nil {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Get = %v", err)
			}
			return false
		}
	}
	return true
}

// TestMisledIndex makes the index lead an id to the record of another torrent of the
// same length: nobody gets that torrent instead of the one asked for.
func TestMisledIndex(t *testing.T) {
	o, items := three(t)
	s := mustOpen(t, o)
	id := items[0].IDs.V1
	e, err := s.index.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	misled := *e
	misled.At = s.where(t, items[1].IDs.V1)
	if misled.At.Length != e.At.Length {
		t.Fatal("the torrents are not of one length")
	}
	b := index.NewBatch(s.committer.Stats())
	b.Entries[id] = &misled
	if err := s.index.Commit(&b); err != nil {
		t.Fatal(err)
	}
	s = reopened(t, s, false)
	if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Get = %v", err)
	}
	serves(t, s, items[1])
	serves(t, reopened(t, s, true), items[0])
}

// TestForeignIndex gives a store the index of another one, whose segments are as
// long: it is not believed.
func TestForeignIndex(t *testing.T) {
	var disks []Options
	for seed := range uint64(2) {
		o, _ := three(t)
		s := mustOpen(t, o)
		mustPut(t, s, faultTorrent(50+3*seed), store.Created)
		mustClose(t, s)
		disks = append(disks, o)
	}
	o, foreign := disks[0], disks[1]
	dir := o.FS.PathJoin(o.Dir, files.IndexDir)
	if err := o.FS.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := o.FS.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	names, err := foreign.FS.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		writeFile(t, o.FS, o.FS.PathJoin(dir, name), readFile(t, foreign.FS, o.FS.PathJoin(dir, name)))
	}
	s := mustOpen(t, o)
	serves(t, s, faultTorrent(50))
	lacks(t, s, store.ErrNotFound, faultTorrent(53))
}
