package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// calls calls every method that returns an error, and returns the errors by name.
func calls(ctx context.Context, s store.Store, item store.Item) map[string]error {
	_, get := s.Get(ctx, item.IDs.Primary(), nil)
	_, has := s.Has(ctx, item.IDs.All())
	_, _, changes := s.Changes(ctx, store.Cursor{}, 1)
	_, end := s.End(ctx)
	_, stats := s.Stats(ctx)
	_, value := s.Value(ctx, "name")
	return map[string]error{
		"Put":      s.Put(ctx, []store.Item{item})[0].Err,
		"Get":      get,
		"Has":      has,
		"Remove":   Remove(ctx, s, item.IDs.Primary(), store.Removal{}),
		"Restore":  Restore(ctx, s, item.IDs.Primary()),
		"Changes":  changes,
		"End":      end,
		"Stats":    stats,
		"Value":    value,
		"SetValue": s.SetValue(ctx, "name", nil),
	}
}

func testContext(t *testing.T, b *bench) {
	f := b.open(t)
	item := Torrent(V1, 1, 500, 0)
	for name, err := range calls(canceled(), f, item) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context = %v, want context.Canceled", name, err)
		}
	}
	t.Run("the bytes are free after an early return", func(t *testing.T) {
		// No matter when the cancellation comes, every stored torrent is whole, and the race
		// detector sees no use of the bytes after Put.
		for seed := uint64(100); seed < 130; seed++ {
			ctx, cancel := context.WithCancel(t.Context())
			items := []store.Item{Torrent(V1, seed, 20_000, 0), Torrent(V1, seed+1000, 20_000, 0)}
			go cancel()
			results := f.Put(ctx, items)
			for i, r := range results {
				clear(items[i].Torrent)
				whole := Torrent(V1, seed+uint64(i)*1000, 20_000, 0)
				if r.Err != nil && !errors.Is(r.Err, context.Canceled) {
					t.Fatalf("Put = %v", r.Err)
				}
				got, err := f.Get(t.Context(), whole.IDs.V1, nil)
				if r.Err == nil && err != nil || err == nil && !bytes.Equal(got.Bytes, whole.Torrent) {
					t.Fatalf("Put = %v, then Get = %d bytes, %v", r.Err, len(got.Bytes), err)
				}
			}
		}
	})
}

func testClose(t *testing.T, b *bench) {
	f := b.open(t)
	item := Torrent(V1, 1, 500, 0)
	f.put(item, store.Created)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range calls(t.Context(), f, item) {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s after Close = %v, want ErrUnavailable", name, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
}

func testConcurrent(t *testing.T, b *bench) {
	t.Run("one winner", func(t *testing.T) { oneWinner(t, b.open(t)) })
	t.Run("one replaces a version", func(t *testing.T) { oneReplaces(t, b.open(t)) })
	t.Run("the highest rank stays", func(t *testing.T) { highestRank(t, b.open(t)) })
	t.Run("removal is final for every reader", func(t *testing.T) { removalFinal(t, b.open(t)) })
	t.Run("close while busy", func(t *testing.T) { closeBusy(t, b.open(t)) })
}

// each runs n goroutines and waits for them.
func each(n int, run func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { run(i) })
	}
	group.Wait()
}

// oneWinner races writers and readers of the same torrents.
func oneWinner(t *testing.T, f *fixture) {
	const writers, torrents = 16, 9
	var created [torrents]atomic.Int32
	var winner [torrents]atomic.Pointer[store.Item]
	each(writers, func(w int) {
		items := make([]store.Item, torrents)
		for i := range items {
			items[i] = Torrent(shapes[i%len(shapes)], uint64(i), 2000, w)
		}
		for i, r := range f.Put(t.Context(), items) {
			switch {
			case r.Err != nil:
				t.Errorf("Put = %v", r.Err)
			case r.Outcome == store.Created:
				created[i].Add(1)
				winner[i].Store(&items[i])
			}
			got, err := f.Get(t.Context(), items[i].IDs.Primary(), nil)
			if err != nil {
				t.Errorf("Get after Put = %v", err)
			}
			ids := items[i].IDs.All()
			again, err := f.Get(t.Context(), ids[len(ids)-1], nil)
			if err != nil || !bytes.Equal(again.Bytes, got.Bytes) {
				t.Errorf("two readers saw different bytes, or %v", err)
			}
		}
	})
	for i := range torrents {
		if n := created[i].Load(); n != 1 {
			t.Fatalf("torrent %d was created %d times", i, n)
		}
	}
	f.reopen()
	for i := range torrents {
		f.holds(*winner[i].Load())
	}
	if got := len(f.feed(store.Cursor{}, 7)); got != torrents {
		t.Errorf("%d changes, want %d", got, torrents)
	}
}

// oneReplaces races conditional puts. The versions form a chain, and each is replaced once.
func oneReplaces(t *testing.T, f *fixture) {
	first := Torrent(V2, 1, 500, 0)
	f.put(first, store.Created)
	var replaced atomic.Int32
	each(16, func(w int) {
		item := Torrent(V2, 1, 500, w+1)
		item.Replaces = store.VersionOf(first.Torrent)
		switch r := f.Put(t.Context(), []store.Item{item})[0]; {
		case r.Err == nil && r.Outcome == store.Replaced:
			replaced.Add(1)
		case !errors.Is(r.Err, store.ErrChanged):
			t.Errorf("Put = %+v, want Replaced or ErrChanged", r)
		}
	})
	if n := replaced.Load(); n != 1 {
		t.Errorf("%d puts replaced the version, want 1", n)
	}
}

// removalFinal races puts with a removal: after Remove has returned, no call finds the torrent.
func removalFinal(t *testing.T, f *fixture) {
	each(12, func(i int) {
		item := Torrent(Hybrid, uint64(i), 500, 0)
		each(4, func(role int) {
			if role > 0 {
				r := f.Put(t.Context(), []store.Item{item})[0]
				if r.Err != nil && !errors.Is(r.Err, store.ErrRemoved) {
					t.Errorf("Put = %v", r.Err)
				}
				return
			}
			if err := Remove(t.Context(), f, item.IDs.V1, store.Removal{}); err != nil {
				t.Errorf("Remove = %v", err)
			}
			if _, err := f.Get(t.Context(), item.IDs.V1, nil); !errors.Is(err, store.ErrRemoved) {
				t.Errorf("Get after Remove = %v", err)
			}
			if r := f.Put(t.Context(), []store.Item{item})[0]; !errors.Is(r.Err, store.ErrRemoved) {
				t.Errorf("Put after Remove = %+v", r)
			}
		})
	})
}

// closeBusy closes the store under load: every call succeeds or returns store.ErrUnavailable.
func closeBusy(t *testing.T, f *fixture) {
	var under sync.WaitGroup
	under.Add(8)
	each(9, func(w int) {
		if w == 8 {
			under.Wait()
			if err := f.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
			return
		}
		for i := range 200 {
			item := Torrent(V1, uint64(i), 300, w)
			if err := oneRound(t.Context(), f, item); err != nil {
				if !errors.Is(err, store.ErrUnavailable) {
					t.Error(err)
				}
				i = 200
			}
			if i == 10 {
				under.Done()
			}
		}
	})
}

// oneRound puts item, gets it and asks for it.
func oneRound(ctx context.Context, s store.Store, item store.Item) error {
	if err := s.Put(ctx, []store.Item{item})[0].Err; err != nil {
		return err
	}
	if _, err := s.Get(ctx, item.IDs.V1, nil); err != nil {
		return fmt.Errorf("get: %w", err)
	}
	if _, err := s.Has(ctx, []infohash.ID{item.IDs.V1}); err != nil {
		return fmt.Errorf("has: %w", err)
	}
	_, _, err := s.Changes(ctx, store.Cursor{}, 5)
	return err
}
