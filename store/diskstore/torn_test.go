package diskstore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// tornGroup is a store that crashed in a group of which the first record, about the torrent
// that was there before, is torn, and the second is whole. Nobody was told of either.
func tornGroup(t *testing.T, first func(s *Store, was store.Item) *commit.Change) (o Options, was store.Item) {
	t.Helper()
	s := mustOpen(t, onDisk(vfs.NewCrashableMem(), "/store"))
	was = storetest.Torrent(storetest.V1, 1, 3000, 0)
	mustPut(t, s, was, store.Created)
	torn := s.committer.Stats().Offset
	second, err := commit.NewCandidate(storetest.Torrent(storetest.V1, 2, 3000, 0))
	if err != nil {
		t.Fatal(err)
	}
	both := commit.NewCall(2)
	one := first(s, was)
	one.Call = both
	s.committer.Submit(one, second.Change(both, 1))
	for _, r := range both.Wait(t.Context()) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	o = afterCrash(s)
	flip(t, o.FS, fileOf(o, 1), torn+format.HeaderSize+3)
	return o, was
}

// TestTornStaysTorn recovers from torn records: changes that recovery drops do not come
// back when the index is built anew, or from a backup.
func TestTornStaysTorn(t *testing.T) {
	for name, first := range map[string]func(s *Store, was store.Item) *commit.Change{
		"replacement": func(s *Store, was store.Item) *commit.Change {
			next := storetest.Torrent(storetest.V1, 1, 3000, 1)
			next.Replaces = store.VersionOf(was.Torrent)
			p, err := commit.NewCandidate(next)
			if err != nil {
				t.Fatal(err)
			}
			p.Alike = s.where(t, was.IDs.Primary())
			return p.Change(nil, 0)
		},
		"removal": func(s *Store, was store.Item) *commit.Change {
			size, remove := removing(store.Removal{Reason: "torn", Time: fixedClock()})
			return &commit.Change{Size: size, Run: func(g *commit.Group) (store.Outcome, error) {
				_, err := remove(g, was.IDs.Primary())
				return 0, err
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, was := tornGroup(t, first)
			s := mustOpen(t, o)
			serves(t, s, was)
			if err := s.Backup(t.Context(), "/backup", nil); err != nil {
				t.Fatal(err)
			}
			s = reopened(t, s, true)
			serves(t, s, was)
			if r, err := s.Verify(t.Context(), VerifyOptions{}); err != nil || r.Checked != 2 || len(r.Damaged) > 0 {
				t.Errorf("Verify = %+v, %v", r, err)
			}
			o.Dir = "/backup"
			serves(t, mustOpen(t, o), was)
		})
	}
}
