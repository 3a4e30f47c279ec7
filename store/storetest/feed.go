package storetest

import (
	"slices"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

func testChanges(t *testing.T, b *bench) {
	t.Run("every change once, in order", func(t *testing.T) {
		f := b.open(t)
		want := scenario(f)
		for _, limit := range []int{1, 2, 3, len(want), 1000} {
			if got := f.feed(store.Cursor{}, limit); !slices.Equal(got, want) {
				t.Errorf("by %d: changes %v, want %v", limit, got, want)
			}
		}
	})
	t.Run("none", func(t *testing.T) {
		f := b.open(t)
		for _, cursor := range []store.Cursor{{}, {Epoch: 1, Sequence: 7}} {
			changes, next, err := f.Changes(t.Context(), cursor, 10)
			if len(changes) != 0 || next != cursor || err != nil {
				t.Errorf("Changes(%v) = %v, %v, %v; want none and the same cursor", cursor, changes, next, err)
			}
		}
	})
	t.Run("the end, another epoch, no limit", func(t *testing.T) { feedEnds(t, b.open(t)) })
	t.Run("End of an empty feed", func(t *testing.T) {
		f := b.open(t)
		end := f.end()
		item := Torrent(V1, 1, 500, 0)
		f.put(item, store.Created)
		want := []store.Change{{Kind: store.ChangeAdded, IDs: item.IDs, Time: stored}}
		if got := f.feed(end, 10); !slices.Equal(got, want) {
			t.Errorf("after the end: %v, want %v", got, want)
		}
	})
}

// feedEnds asks for changes after cursors that are at the end or from another store.
func feedEnds(t *testing.T, f *fixture) {
	want := scenario(f)
	_, end, err := f.Changes(t.Context(), store.Cursor{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	f.reopen()
	for _, after := range []store.Cursor{end, f.end(), {Epoch: end.Epoch, Sequence: ^uint64(0)}} {
		if changes, next, err := f.Changes(t.Context(), after, 10); len(changes) != 0 || next != after || err != nil {
			t.Errorf("Changes(%v) = %v, %v, %v; want none and the same cursor", after, changes, next, err)
		}
	}
	if got := f.feed(store.Cursor{Epoch: end.Epoch + 1, Sequence: end.Sequence}, 1000); !slices.Equal(got, want) {
		t.Errorf("after a cursor of another epoch: %v, want all: %v", got, want)
	}
	for _, limit := range []int{0, -1} {
		if changes, next, err := f.Changes(t.Context(), store.Cursor{}, limit); len(changes) != 0 || next != (store.Cursor{}) || err != nil {
			t.Errorf("limit %d: %v, %v, %v", limit, changes, next, err)
		}
	}
	more := Torrent(V1, 77, 100, 0)
	cheap := f.end()
	f.put(more, store.Created)
	for _, after := range []store.Cursor{end, cheap} {
		if got := f.feed(after, 10); !slices.Equal(got, []store.Change{{Kind: store.ChangeAdded, IDs: more.IDs, Time: stored}}) {
			t.Errorf("after the end %v: %v", after, got)
		}
	}
}

// end returns the end of the feed.
func (f *fixture) end() store.Cursor {
	f.t.Helper()
	end, err := f.End(f.t.Context())
	if err != nil {
		f.t.Fatalf("End = %v", err)
	}
	return end
}

// scenario makes changes of every kind, and calls that change nothing, and returns the changes.
func scenario(f *fixture) []store.Change {
	hybrid, v1, ahead := Torrent(Hybrid, 1, 500, 0), Torrent(V1, 2, 500, 0), Torrent(V2, 3, 500, 0).IDs
	var want []store.Change
	note := func(kind store.ChangeKind, ids infohash.Set) {
		want = append(want, store.Change{Kind: kind, IDs: ids, Time: stored})
	}
	f.put(hybrid, store.Created)
	note(store.ChangeAdded, hybrid.IDs)
	f.put(hybrid, store.AlreadyCached)
	f.refuse(store.Item{}, store.ErrInvalid)
	f.put(v1, store.Created)
	note(store.ChangeAdded, v1.IDs)
	keyed := ranked(Torrent(V1, 2, 500, 1), store.RankKeyed)
	f.put(keyed, store.Outranked)
	f.put(ranked(v1, 150), store.AlreadyCached)
	note(store.ChangeReplaced, v1.IDs)
	f.put(ranked(v1, 150), store.AlreadyCached)
	f.setValue("a.note", []byte("no change"))
	f.put(replacing(keyed, v1), store.Replaced)
	note(store.ChangeReplaced, v1.IDs)
	f.damage(keyed)
	f.put(v1, store.Healed)
	note(store.ChangeReplaced, v1.IDs)
	f.remove(hybrid.IDs.V2, "gone")
	note(store.ChangeRemoved, hybrid.IDs)
	f.remove(hybrid.IDs.V1, "again")
	note(store.ChangeRemoved, hybrid.IDs)
	f.restore(hybrid.IDs.V1, nil)
	note(store.ChangeRestored, hybrid.IDs)
	f.restore(hybrid.IDs.V1, store.ErrNotFound)
	f.remove(ahead.V2, "ahead")
	note(store.ChangeRemoved, infohash.Set{V2: ahead.V2})
	f.remove(ahead.V2.Short(), "ahead, short")
	note(store.ChangeRemoved, infohash.Set{V1: ahead.V2.Short()})
	f.restore(ahead.V2, nil)
	note(store.ChangeRestored, infohash.Set{V2: ahead.V2})
	return want
}

// feed returns all changes after a cursor, read limit at a time.
func (f *fixture) feed(after store.Cursor, limit int) []store.Change {
	f.t.Helper()
	var all []store.Change
	for {
		changes, next, err := f.Changes(f.t.Context(), after, limit)
		if err != nil || len(changes) > limit {
			f.t.Fatalf("Changes = %d changes, %v; the limit is %d", len(changes), err, limit)
		}
		if len(changes) == 0 {
			return all
		}
		all = append(all, changes...)
		after = next
	}
}
