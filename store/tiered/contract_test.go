package tiered

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// whole is a cache before a remote store of its own, which it closes.
type whole struct {
	*Store
	line   *line
	remote *memstore.Store
	dir    string
}

func TestContract(t *testing.T) {
	for name, reopen := range map[string]func(*testing.T, store.Store) store.Store{
		"open":     nil,
		"reopened": func(t *testing.T, s store.Store) store.Store { return s.(*whole).reopened(t) },
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, storetest.Opener{
				Open: func(t *testing.T, clock func() time.Time) store.Store {
					return openWhole(t, memstore.NewWithClock(clock), filepath.Join(t.TempDir(), "cache"))
				},
				Reopen: reopen,
				Damage: func(_ *testing.T, s store.Store, id infohash.ID) {
					w := s.(*whole)
					w.remote.Damage(id)
					w.forget([]infohash.Set{setOf(id)}) // a copy would be none the worse
				},
			})
		})
	}
}

func openWhole(t *testing.T, remote *memstore.Store, dir string) *whole {
	t.Helper()
	l := &line{Store: remote, closes: true}
	s, err := Open(Options{Remote: l, Identity: "memory", Dir: dir, Size: MinSize, MaxStale: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return &whole{Store: s, line: l, remote: remote, dir: dir}
}

// reopened closes the cache alone and opens it again.
func (w *whole) reopened(t *testing.T) *whole {
	t.Helper()
	w.line.set(func(l *line) { l.closes = false })
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	return openWhole(t, w.remote, w.dir)
}
