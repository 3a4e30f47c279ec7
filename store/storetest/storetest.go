// Package storetest tests the contract of [store.Store]. Every implementation calls [Run] in its
// tests.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Opener makes the stores that the suite tests.
type Opener struct {
	// Open returns an empty store that takes the time from clock.
	Open func(t *testing.T, clock func() time.Time) store.Store
	// Reopen closes s and opens it again from the files it kept. Nil means that the store keeps
	// nothing. The suite calls Reopen between the steps of every test, so that it checks every
	// promise across a restart.
	Reopen func(t *testing.T, s store.Store) store.Store
	// Damage changes the stored bytes of the torrent with that id, without the knowledge of s.
	Damage func(t *testing.T, s store.Store, id infohash.ID)
	// Only names the tests to run. Nil means all.
	Only []string
}

// Run runs the contract suite.
func Run(t *testing.T, opener Opener) {
	tests := []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"Put", testPut},
		{"Invalid", testInvalid},
		{"Get", testGet},
		{"Alloc", testAlloc},
		{"Has", testHas},
		{"Replace", testReplace},
		{"Ranks", testRanks},
		{"Batch", testBatch},
		{"Conflict", testConflict},
		{"Heal", testHeal},
		{"HealRules", testHealRules},
		{"HealRanks", testHealRanks},
		{"Remove", testRemove},
		{"RemoveMany", testRemoveMany},
		{"Changes", testChanges},
		{"Stats", testStats},
		{"Values", testValues},
		{"Context", testContext},
		{"Close", testClose},
		{"Concurrent", testConcurrent},
	}
	for _, test := range tests {
		if opener.Only == nil || slices.Contains(opener.Only, test.name) {
			t.Run(test.name, func(t *testing.T) { test.run(t, &bench{opener: opener}) })
		}
	}
}

// now is the time on the clock of the tested stores.
var now = time.Date(2010, 5, 4, 3, 2, 1, 999, time.FixedZone("somewhere", 3600))

// stored is now in the form that a store returns.
var stored = now.UTC().Truncate(time.Second)

// bench makes fixtures.
type bench struct{ opener Opener }

// fixture is one store under test. Its helpers fail the test.
type fixture struct {
	store.Store
	t      *testing.T
	opener Opener
}

// open returns a fixture with an empty store, which it closes when the test ends.
func (b *bench) open(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, opener: b.opener}
	f.Store = b.opener.Open(t, func() time.Time { return now })
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return f
}

// reopen closes and reopens the store, if the store keeps anything.
func (f *fixture) reopen() {
	f.t.Helper()
	if f.opener.Reopen != nil {
		f.Store = f.opener.Reopen(f.t, f.Store)
	}
}

// put puts one item and fails unless the outcome is want.
func (f *fixture) put(item store.Item, want store.Outcome) {
	f.t.Helper()
	before := bytes.Clone(item.Torrent)
	results := f.Put(f.t.Context(), []store.Item{item})
	if len(results) != 1 || results[0].Err != nil || results[0].Outcome != want {
		f.t.Fatalf("Put = %+v, want outcome %d", results, want)
	}
	if !bytes.Equal(before, item.Torrent) {
		f.t.Fatal("Put changed the item's bytes")
	}
	f.reopen()
}

// refuse puts one item and fails unless the error is want.
func (f *fixture) refuse(item store.Item, want error) {
	f.t.Helper()
	results := f.Put(f.t.Context(), []store.Item{item})
	if len(results) != 1 || !errors.Is(results[0].Err, want) {
		f.t.Fatalf("Put = %+v, want error %v", results, want)
	}
	f.reopen()
}

// holds fails unless Get of every id of item returns exactly item.
func (f *fixture) holds(item store.Item) {
	f.t.Helper()
	for _, id := range item.IDs.All() {
		got, err := f.Get(f.t.Context(), id, nil)
		if err != nil {
			f.t.Fatalf("Get(%v) = %v", id, err)
		}
		if !bytes.Equal(got.Bytes, item.Torrent) {
			f.t.Fatalf("Get(%v) gave other bytes than were put", id)
		}
		got.Bytes = nil
		want := store.Torrent{IDs: item.IDs, Version: store.VersionOf(item.Torrent), Rank: item.Rank, Stored: stored}
		if got.IDs != want.IDs || got.Version != want.Version || got.Rank != want.Rank || !got.Stored.Equal(want.Stored) {
			f.t.Fatalf("Get(%v) = %+v, want %+v", id, got, want)
		}
		if got.Stored.Location() != time.UTC {
			f.t.Fatalf("Stored = %v, want UTC", got.Stored)
		}
	}
	f.has(true, item.IDs.All()...)
}

// lacks fails unless for every id Get returns the error want and Has does not find it.
func (f *fixture) lacks(want error, ids ...infohash.ID) {
	f.t.Helper()
	for _, id := range ids {
		if got, err := f.Get(f.t.Context(), id, nil); !errors.Is(err, want) {
			f.t.Fatalf("Get(%v) = %d bytes, error %v; want error %v", id, len(got.Bytes), err, want)
		}
	}
	f.has(false, ids...)
}

// has fails unless Has finds every id, or none if want is false.
func (f *fixture) has(want bool, ids ...infohash.ID) {
	f.t.Helper()
	got, err := f.Has(f.t.Context(), ids)
	if err != nil || len(got) != len(ids) {
		f.t.Fatalf("Has = %v, %v; want %d answers", got, err, len(ids))
	}
	for i, id := range ids {
		if got[i].Found() != want {
			f.t.Fatalf("Has(%v) = %v, want %v", id, got[i], want)
		}
	}
}

// remove removes id for the given reason.
func (f *fixture) remove(id infohash.ID, reason string) {
	f.t.Helper()
	removal := store.Removal{Reason: reason, Reference: "case " + reason, Time: now}
	if err := Remove(f.t.Context(), f, id, removal); err != nil {
		f.t.Fatalf("Remove(%v) = %v", id, err)
	}
	f.reopen()
}

// restore restores id and fails unless the error is want.
func (f *fixture) restore(id infohash.ID, want error) {
	f.t.Helper()
	if err := Restore(f.t.Context(), f, id); !errors.Is(err, want) {
		f.t.Fatalf("Restore(%v) = %v, want %v", id, err, want)
	}
	f.reopen()
}

// Remove removes one id of s, and returns the error for that id.
func Remove(ctx context.Context, s store.Store, id infohash.ID, removal store.Removal) error {
	return s.Remove(ctx, []infohash.ID{id}, removal)[0].Err
}

// Restore undoes the removal of one id of s, and returns the error for that id.
func Restore(ctx context.Context, s store.Store, id infohash.ID) error {
	return s.Restore(ctx, []infohash.ID{id})[0].Err
}

// canceled returns a context that has ended.
func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
