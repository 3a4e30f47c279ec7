package diskstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// threeSegments is a closed store of three segments, each with six torrents, of which two
// were removed while it was the active one, and a named value.
func threeSegments(t *testing.T) (o Options, items [3][]store.Item) {
	t.Helper()
	o = onDisk(vfs.NewMem(), "/store")
	s := mustOpen(t, o)
	for n := range items {
		for seed := range uint64(6) {
			item := storetest.Torrent(storetest.Shape(seed%3), uint64(n)*10+seed, 3000, 0)
			items[n] = append(items[n], item)
			mustPut(t, s, item, store.Created)
		}
		for _, item := range items[n][4:] {
			if err := storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{Reason: "gone"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SetValue(t.Context(), fmt.Sprintf("value-%d", n), []byte{byte(n)}); err != nil {
			t.Fatal(err)
		}
		if n < 2 {
			seal(t, s)
		}
	}
	mustClose(t, s)
	return o, items
}

// seal begins another segment.
func seal(t *testing.T, s *Store) {
	t.Helper()
	c := &compaction{store: s, now: s.options.Clock().Unix()}
	if err := c.seal(t.Context(), s.segments.Get(s.committer.Stats().Segment)); err != nil {
		t.Fatal(err)
	}
}

// isDamagedIn fails unless the torrents of segment n+1 answer ErrDamaged, those of the
// others are served, and all removals and values hold.
func isDamagedIn(t *testing.T, s *Store, items [3][]store.Item, n int) {
	t.Helper()
	for i, group := range items {
		for _, item := range group[:4] {
			if i != n {
				serves(t, s, item)
				continue
			}
			if _, err := s.Get(t.Context(), item.IDs.Primary(), nil); !errors.Is(err, store.ErrDamaged) {
				t.Errorf("Get of a torrent that is gone = %v", err)
			}
			if has, err := s.Has(t.Context(), item.IDs.All()); err != nil || has[0].Found() {
				t.Errorf("Has of a torrent that is gone = %v, %v", has, err)
			}
		}
		removalsHold(t, s, group[4:])
		if value, err := s.Value(t.Context(), fmt.Sprintf("value-%d", i)); err != nil || string(value) != string([]byte{byte(i)}) {
			t.Errorf("value %d is %v, %v", i, value, err)
		}
	}
}

func removalsHold(t *testing.T, s *Store, items []store.Item) {
	t.Helper()
	for _, item := range items {
		var removed *store.RemovedError
		if _, err := s.Get(t.Context(), item.IDs.Primary(), nil); !errors.As(err, &removed) || removed.Removal.Reason != "gone" {
			t.Errorf("Get of what was removed = %v", err)
		}
	}
}

// TestMissingSegment takes the file of a segment away. The store says which file is
// missing and how much that is, the entries of the index for it hold, uploads heal it,
// and nothing of it is forgotten when the index is built anew.
func TestMissingSegment(t *testing.T) {
	for n := range 3 {
		t.Run(fmt.Sprint("segment ", n+1), func(t *testing.T) {
			o, items := threeSegments(t)
			if err := o.FS.Remove(fileOf(o, uint64(n+1))); err != nil {
				t.Fatal(err)
			}
			want := []Missing{{File: fmt.Sprintf("segments/00000000000%d.segment", n+1), Counted: true, Torrents: 4, Removed: 2}}
			for range 2 {
				s := mustOpen(t, o)
				isMissing(t, s.Missing(), want)
				isDamagedIn(t, s, items, n)
				r, err := s.Verify(t.Context(), VerifyOptions{})
				if err != nil || len(r.Damaged) != 4 || r.Checked != 12 {
					t.Errorf("Verify = %+v, %v", r, err)
				}
				if stats, err := s.Stats(t.Context()); err != nil || stats.Torrents != 8 {
					t.Errorf("Stats = %+v, %v", stats, err)
				}
				mustClose(t, s)
			}
			got, err := Reindex(o)
			if err != nil {
				t.Fatal(err)
			}
			isMissing(t, got, want)
			s := mustOpen(t, o)
			isDamagedIn(t, s, items, n)
			mustPut(t, s, items[n][0], store.Healed)
			for range 2 {
				serves(t, s, items[n][0])
				s = reopened(t, s, true)
			}
		})
	}
}

// TestMissingHealed heals all that was lost with the file of a segment: then nothing is
// missing any more.
func TestMissingHealed(t *testing.T) {
	for n := range 3 {
		t.Run(fmt.Sprint("segment ", n+1), func(t *testing.T) {
			o, items := threeSegments(t)
			if err := o.FS.Remove(fileOf(o, uint64(n+1))); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, o)
			for _, item := range items[n][:4] {
				mustPut(t, s, item, store.Healed)
			}
			for _, loseIndex := range []bool{false, true} {
				isMissing(t, s.Missing(), nil)
				isDamagedIn(t, s, items, -1)
				s = reopened(t, s, loseIndex)
			}
			isMissing(t, s.Missing(), nil)
		})
	}
}

func isMissing(t *testing.T, got, want []Missing) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("missing is %+v, want %+v", got, want)
	}
}

// TestMissingGivenUp gives a segment file up: it is not missing any more, and its torrents
// stay damaged until they are uploaded again.
func TestMissingGivenUp(t *testing.T) {
	o, items := threeSegments(t)
	if err := o.FS.Remove(fileOf(o, 2)); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, o)
	if r, err := s.Verify(t.Context(), VerifyOptions{GiveUp: true}); err != nil || len(r.Damaged) != 4 {
		t.Errorf("Verify = %+v, %v", r, err)
	}
	for range 2 {
		isMissing(t, s.Missing(), nil)
		isDamagedIn(t, s, items, 1)
		if r, err := s.Verify(t.Context(), VerifyOptions{}); err != nil || len(r.Damaged) != 4 || r.Checked != 12 {
			t.Errorf("Verify = %+v, %v", r, err)
		}
		s = reopened(t, s, true)
	}
	for _, item := range items[1][:4] {
		mustPut(t, s, item, store.Healed)
	}
	isDamagedIn(t, reopened(t, s, true), items, -1)
}

// TestAllSegmentsMissing takes all segments away, or the folder of them: no new store is made
// in the place of the old one, whose removals hold.
func TestAllSegmentsMissing(t *testing.T) {
	for name, take := range map[string]func(o Options) error{
		"the files": func(o Options) error {
			return errors.Join(o.FS.Remove(fileOf(o, 1)), o.FS.Remove(fileOf(o, 2)), o.FS.Remove(fileOf(o, 3)))
		},
		"the folder": func(o Options) error { return o.FS.RemoveAll(o.FS.PathJoin(o.Dir, files.SegmentsDir)) },
	} {
		t.Run(name, func(t *testing.T) {
			o, items := threeSegments(t)
			if err := take(o); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, o)
			for range 2 {
				if missing := s.Missing(); len(missing) != 3 || missing[0].Torrents != 4 {
					t.Errorf("missing is %+v", missing)
				}
				for _, group := range items {
					removalsHold(t, s, group[4:])
					for _, item := range group[:4] {
						if _, err := s.Get(t.Context(), item.IDs.Primary(), nil); !errors.Is(err, store.ErrDamaged) {
							t.Errorf("Get = %v", err)
						}
					}
				}
				s = reopened(t, s, false)
			}
			s = reopened(t, s, true)
			for _, group := range items {
				removalsHold(t, s, group[4:])
				mustPut(t, s, group[0], store.Healed)
			}
		})
	}
}

// TestReindexDamagedRemoval builds an index where the record of a removal is damaged beyond
// mending: the index before knows it, and it holds.
func TestReindexDamagedRemoval(t *testing.T) {
	for _, verify := range []bool{false, true} {
		s, _, items := onBadDisk(t)
		words, err := s.index.WordsIn(func(format.Place) bool { return true })
		if err != nil || len(words) != 1 {
			t.Fatal(words, err)
		}
		mustClose(t, s)
		for _, offset := range []int64{3, 70, 90} {
			flip(t, s.options.FS, fileOf(s.options, 1), words[0].At.Offset+offset)
		}
		s = mustOpen(t, s.options)
		if verify { // which writes it into the log once more
			if _, err := s.Verify(t.Context(), VerifyOptions{}); err != nil {
				t.Error(err)
			}
			mustClose(t, s)
			if err := s.options.FS.RemoveAll(s.options.FS.PathJoin(s.options.Dir, files.IndexDir)); err != nil {
				t.Fatal(err)
			}
			s = mustOpen(t, s.options)
		}
		removalsHold(t, reopened(t, s, true), items[5:])
	}
}

// TestMissingSuperseded takes away a segment whose words do not hold any more: once its
// torrent is healed, nothing is missing.
func TestMissingSuperseded(t *testing.T) {
	o := onDisk(vfs.NewMem(), "/store")
	s := mustOpen(t, o)
	item := faultTorrent(0)
	mustPut(t, s, item, store.Created)
	for range 2 {
		if err := storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{Reason: "gone"}); err != nil {
			t.Fatal(err)
		}
		if err := storetest.Restore(t.Context(), s, item.IDs.Primary()); err != nil {
			t.Fatal(err)
		}
	}
	seal(t, s)
	mustPut(t, s, faultTorrent(1), store.Created)
	mustClose(t, s)
	if err := o.FS.Remove(fileOf(o, 1)); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	mustPut(t, s, item, store.Healed)
	for range 2 {
		isMissing(t, s.Missing(), nil)
		s = reopened(t, s, false)
	}
}

// TestMissingAgain takes a segment away that was given up and came back before.
func TestMissingAgain(t *testing.T) {
	o, items := threeSegments(t)
	kept := readFile(t, o.FS, fileOf(o, 2))
	take := func() {
		t.Helper()
		if err := o.FS.Remove(fileOf(o, 2)); err != nil {
			t.Fatal(err)
		}
	}
	take()
	s := mustOpen(t, o)
	if _, err := s.Verify(t.Context(), VerifyOptions{GiveUp: true}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	writeFile(t, o.FS, fileOf(o, 2), kept)
	if _, err := Reindex(o); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	isDamagedIn(t, s, items, -1)
	mustClose(t, s)
	take()
	s = mustOpen(t, o)
	isMissing(t, s.Missing(), []Missing{{File: "segments/000000000002.segment", Counted: true, Torrents: 4, Removed: 2}})
	isDamagedIn(t, s, items, 1)
}

// TestMissingEndByMark takes the last segment and the index away: the mark tells that it
// was there, and its number is not used for another.
func TestMissingEndByMark(t *testing.T) {
	o, items := threeSegments(t)
	kept := readFile(t, o.FS, fileOf(o, 3))
	for _, name := range []string{fileOf(o, 3), o.FS.PathJoin(o.Dir, files.IndexDir)} {
		if err := o.FS.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
	}
	s := mustOpen(t, o)
	isMissing(t, s.Missing(), []Missing{{File: "segments/000000000003.segment"}})
	if s.segments.Get(3) != nil {
		t.Error("the number of the missing file is used again")
	}
	mustPut(t, s, faultTorrent(50), store.Created)
	mustClose(t, s)
	writeFile(t, o.FS, fileOf(o, 3), kept)
	s = reopened(t, mustOpen(t, o), true)
	isMissing(t, s.Missing(), nil)
	isDamagedIn(t, s, items, -1)
	serves(t, s, faultTorrent(50))
}

// TestCutWithoutIndex cuts a segment short between two records and takes the index away:
// it is told that something is missing, until it is given up.
func TestCutWithoutIndex(t *testing.T) {
	o, items := threeSegments(t)
	s := mustOpen(t, o)
	at := s.where(t, items[1][2].IDs.Primary())
	mustClose(t, s)
	b := readFile(t, o.FS, fileOf(o, 2))
	writeFile(t, o.FS, fileOf(o, 2), b[:at.Offset])
	if err := o.FS.RemoveAll(o.FS.PathJoin(o.Dir, files.IndexDir)); err != nil {
		t.Fatal(err)
	}
	want := []Missing{{File: "segments/000000000002.segment", From: at.Offset}}
	if got, err := Reindex(o); err != nil {
		t.Fatal(err)
	} else {
		isMissing(t, got, want)
	}
	s = mustOpen(t, o)
	isMissing(t, s.Missing(), want)
	serves(t, s, items[1][1])
	if _, err := s.Verify(t.Context(), VerifyOptions{GiveUp: true}); err != nil {
		t.Fatal(err)
	}
	isMissing(t, s.Missing(), nil)
	isMissing(t, reopened(t, s, true).Missing(), nil)
}

// TestMissingReadOnly takes the last segment away and opens to read alone: all torrents
// that are there are looked at.
func TestMissingReadOnly(t *testing.T) {
	o, items := threeSegments(t)
	if err := o.FS.Remove(fileOf(o, 3)); err != nil {
		t.Fatal(err)
	}
	o.ReadOnly = true
	s := mustOpen(t, o)
	checked := 0
	_, err := s.Verify(t.Context(), VerifyOptions{Check: func(store.Torrent) error { checked++; return nil }})
	if err != nil || checked != 8 {
		t.Errorf("%d torrents were checked, %v; want 8", checked, err)
	}
	isDamagedIn(t, s, items, 2)
}

// TestMissingIndexToo takes a segment away and the index as well: the numbers of the
// segments tell that one is missing, though not which torrents were in it.
func TestMissingIndexToo(t *testing.T) {
	o, items := threeSegments(t)
	s := mustOpen(t, o)
	c := &compaction{store: s, now: s.options.Clock().Unix()}
	if err := c.segment(t.Context(), 1); err != nil { // that one is not missing
		t.Fatal(err)
	}
	mustClose(t, s)
	for _, name := range []string{fileOf(o, 2), o.FS.PathJoin(o.Dir, files.IndexDir)} {
		if err := o.FS.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
	}
	s = mustOpen(t, o)
	isMissing(t, s.Missing(), []Missing{{File: "segments/000000000002.segment"}})
	for _, n := range []int{0, 2} {
		for _, item := range items[n][:4] {
			serves(t, s, item)
		}
		removalsHold(t, s, items[n][4:])
	}
}

// TestMissingComesBack puts the file of a segment back: verifying takes the marks away,
// also after the index was built anew without the file.
func TestMissingComesBack(t *testing.T) {
	for _, reindex := range []bool{false, true} {
		o, items := threeSegments(t)
		kept := readFile(t, o.FS, fileOf(o, 2))
		if err := o.FS.Remove(fileOf(o, 2)); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, o)
		if reindex {
			s = reopened(t, s, true)
		}
		isDamagedIn(t, s, items, 1)
		mustClose(t, s)
		writeFile(t, o.FS, fileOf(o, 2), kept)
		if reindex {
			if _, err := Reindex(o); err != nil {
				t.Fatal(err)
			}
		}
		s = mustOpen(t, o)
		isMissing(t, s.Missing(), nil)
		if r, err := s.Verify(t.Context(), VerifyOptions{}); err != nil || !reindex && r.Cleared != 4 || len(r.Damaged) > 0 {
			t.Errorf("Verify = %+v, %v", r, err)
		}
		isDamagedIn(t, s, items, -1)
	}
}

// TestCutAfterClose cuts the last segment short after a clean close: the index is the
// better witness of the records that stood there.
func TestCutAfterClose(t *testing.T) {
	o, items := threeSegments(t)
	b := readFile(t, o.FS, fileOf(o, 3))
	writeFile(t, o.FS, fileOf(o, 3), b[:format.SegmentStart+10])
	for range 2 {
		s := mustOpen(t, o)
		missing := s.Missing()
		if len(missing) != 1 || missing[0].From != format.SegmentStart+10 || missing[0].Torrents != 4 {
			t.Errorf("missing is %+v", missing)
		}
		isDamagedIn(t, s, items, 2)
		if r, err := s.Verify(t.Context(), VerifyOptions{}); err != nil || len(r.Damaged) != 4 || r.Checked != 12 {
			t.Errorf("Verify = %+v, %v", r, err)
		}
		mustClose(t, s)
	}
	if _, err := Reindex(o); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, o)
	isDamagedIn(t, s, items, 2)
	for _, item := range items[2][:4] {
		mustPut(t, s, item, store.Healed)
	}
	isMissing(t, s.Missing(), nil)
	isDamagedIn(t, reopened(t, s, true), items, -1)
}

// TestCompactMissing compacts a segment that was cut short: the entries of the index
// for the part that is gone move on.
func TestCompactMissing(t *testing.T) {
	o, items := threeSegments(t)
	b := readFile(t, o.FS, fileOf(o, 2))
	writeFile(t, o.FS, fileOf(o, 2), b[:format.SegmentStart+10])
	s := mustOpen(t, o)
	isDamagedIn(t, s, items, 1)
	c := &compaction{store: s, now: s.options.Clock().Unix()}
	if err := c.segment(t.Context(), 2); err != nil || s.segments.Get(2) != nil {
		t.Fatal(err)
	}
	for range 2 {
		isDamagedIn(t, s, items, 1)
		s = reopened(t, s, true)
	}
	isMissing(t, s.Missing(), nil)
}

// TestHeaderLostWithRemoval damages the header of a removal beyond mending and compacts
// its segment: the removal holds, also for an index that is built anew.
func TestHeaderLostWithRemoval(t *testing.T) {
	for _, undone := range []bool{false, true} {
		s := mustOpen(t, onDisk(vfs.NewMem(), "/store"))
		item := storetest.Torrent(storetest.Hybrid, 1, 3000, 0)
		mustPut(t, s, item, store.Created)
		id := item.IDs.Primary()
		if err := storetest.Remove(t.Context(), s, id, store.Removal{Reason: "gone", Erase: undone}); err != nil {
			t.Fatal(err)
		}
		seal(t, s)
		if undone {
			if err := storetest.Restore(t.Context(), s, id); err != nil {
				t.Fatal(err)
			}
		}
		mustPut(t, s, storetest.Torrent(storetest.V1, 2, 3000, 0), store.Created)
		words, err := s.index.WordsIn(func(format.Place) bool { return true })
		if err != nil || len(words) == 0 {
			t.Fatal(words, err)
		}
		at := words[len(words)-1].At
		for _, offset := range []int64{3, 70, 90} {
			flip(t, s.options.FS, fileOf(s.options, at.Segment), at.Offset+offset)
		}
		c := &compaction{store: s, now: s.options.Clock().Unix()}
		if err := c.segment(t.Context(), at.Segment); err != nil {
			t.Fatal(err)
		}
		want := store.ErrRemoved
		if undone {
			want = store.ErrNotFound
		}
		for range 2 {
			if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, want) {
				t.Errorf("Get = %v, want %v", err, want)
			}
			s = reopened(t, s, true)
		}
	}
}

// TestOlderBytesStayAway restores a torrent after its newest bytes left and before the
// older ones did, which a keyed upload had replaced: they do not come back, whenever the
// index is built anew.
func TestOlderBytesStayAway(t *testing.T) {
	for _, loseFirst := range []bool{false, true} {
		s := mustOpen(t, onDisk(vfs.NewMem(), "/store"))
		older, newest := storetest.Torrent(storetest.Hybrid, 1, 3000, 1), storetest.Torrent(storetest.Hybrid, 1, 3000, 2)
		mustPut(t, s, older, store.Created)
		mustPut(t, s, storetest.Torrent(storetest.V1, 2, 3000, 0), store.Created)
		seal(t, s)
		newest.Rank, newest.Replaces = store.RankKeyed, store.VersionOf(older.Torrent)
		mustPut(t, s, newest, store.Replaced)
		id := newest.IDs.Primary()
		if err := storetest.Remove(t.Context(), s, id, store.Removal{Reason: "gone"}); err != nil {
			t.Fatal(err)
		}
		c := &compaction{store: s, now: s.options.Clock().Add(commit.RemovedStays).Unix() + 1}
		if err := c.segment(t.Context(), s.where(t, id).Segment); err != nil {
			t.Fatal(err)
		}
		if loseFirst {
			s = reopened(t, s, true)
		}
		if err := storetest.Restore(t.Context(), s, id); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for _, id := range newest.IDs.All() {
				if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("lost first: %v: Get = %v", loseFirst, err)
				}
			}
			s = reopened(t, s, true)
		}
	}
}

// TestUnknownKind has a record of a kind in the log that this program does not know: it is
// passed over, kept by compaction, and never taken for damage.
func TestUnknownKind(t *testing.T) {
	s := mustOpen(t, onDisk(vfs.NewMem(), "/store"))
	item := storetest.Torrent(storetest.V1, 1, 3000, 0)
	const body = "what a newer program says"
	err := s.committer.Do(t.Context(), 1000, func(g *commit.Group) error {
		h := format.Header{Kind: 200, Sequence: g.State.Sequence + 1, Store: g.State.Store, Segment: g.State.Segment}
		raw := [format.HeaderSize]byte(format.AppendRecord(nil, &h, []byte(body)))
		raw[14] = 77 // a field of its own
		h.Raw = &raw
		return g.Copy(&commit.Survivor{Header: h, Body: []byte(body)}, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, item, store.Created)
	for range 3 {
		for _, segment := range s.segments.IDs() {
			c := &compaction{store: s, now: s.options.Clock().Unix()}
			if err := c.segment(t.Context(), segment); err != nil {
				t.Fatal(err)
			}
		}
		s = reopened(t, s, true)
		serves(t, s, item)
		if r, err := s.Verify(t.Context(), VerifyOptions{}); err != nil || r.Checked != 1 || len(r.Damaged) != 0 {
			t.Errorf("Verify = %+v, %v", r, err)
		}
		found := false
		for _, id := range s.segments.IDs() {
			found = found || strings.Contains(string(readFile(t, s.options.FS, fileOf(s.options, id))), body)
		}
		if !found {
			t.Fatal("the record is gone")
		}
	}
}

// TestDropped has the log say that a torrent was dropped: it is unknown, not removed, and
// may be put again.
func TestDropped(t *testing.T) {
	s := mustOpen(t, onDisk(vfs.NewMem(), "/store"))
	item := storetest.Torrent(storetest.Hybrid, 1, 3000, 0)
	mustPut(t, s, item, store.Created)
	err := s.committer.Do(t.Context(), format.RecordSize(0), func(g *commit.Group) error { return g.Forget(item.IDs.V2) })
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, id := range item.IDs.All() {
			if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("Get = %v", err)
			}
		}
		changes, _, err := s.Changes(t.Context(), store.Cursor{}, 10)
		if n := len(changes); err != nil || n == 0 || changes[n-1].Kind != store.ChangeDropped || changes[n-1].IDs != item.IDs {
			t.Errorf("the feed has %v, %v", changes, err)
		}
		s = reopened(t, s, true)
	}
	mustPut(t, s, item, store.Created)
	serves(t, reopened(t, s, true), item)
}
