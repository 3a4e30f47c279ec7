package tiered

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// allocating is a store that reads into memory of the Alloc that it is given, as one elsewhere
// does, and whose reads may fail after that.
type allocating struct {
	store.Store
	fails atomic.Bool
}

func (r *allocating) Get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	t, err := r.Store.Get(ctx, id, nil)
	if err != nil || alloc == nil {
		return t, err
	}
	b, err := alloc(len(t.Bytes))
	if err != nil {
		return store.Torrent{}, err
	}
	if r.fails.Load() {
		clear(b)
		return store.Torrent{}, errAway
	}
	t.Bytes = append(b[:0], t.Bytes...)
	return t, nil
}

// errNoMemory looks like an outage, and like a copy that is no good.
var errNoMemory = errors.Join(errors.New("no memory"), store.ErrUnavailable, store.ErrDamaged)

// into reads one into memory that is the same each time.
func (n *node) into(memory []byte) store.Torrent {
	n.t.Helper()
	got, err := n.Store.Get(n.t.Context(), one.IDs.V1, func(int) ([]byte, error) { return memory, nil })
	must(n.t, err)
	if !bytes.Equal(got.Bytes, one.Torrent) || !bytes.Contains(memory, one.Torrent) {
		n.t.Error("other bytes than were put, or elsewhere than in the memory of the Alloc")
	}
	return got
}

// refuses fails unless the error of an Alloc comes back.
func (n *node) refuses() {
	n.t.Helper()
	_, err := n.Store.Get(n.t.Context(), one.IDs.V1, func(int) ([]byte, error) { return nil, errNoMemory })
	if !errors.Is(err, errNoMemory) {
		n.t.Errorf("Get = %v, want the error of the Alloc", err)
	}
}

// An Alloc that has no memory for a copy does not have the remote asked instead.
func TestAllocForACopy(t *testing.T) {
	_, n := startCached(t)
	n.into(make([]byte, 8<<10))
	before := n.count()
	n.refuses()
	if n.count() > before {
		t.Error("the remote was asked")
	}
	n.cached(one)
}

// Each reader that waits for one load has its own Alloc asked, and gets no other's bytes.
func TestAllocsOfOneLoad(t *testing.T) {
	remote := newRemote()
	put(t, remote, one, store.Created)
	n := start(t, remote)
	f, err := n.load(t.Context(), one.IDs.V1)
	must(t, err)
	f.known = true
	n.fills.begin(f) // and is not written: all reads get it
	defer n.fills.end(f)
	first, second := make([]byte, 8<<10), make([]byte, 8<<10)
	n.into(first)
	clear(first)
	n.refuses()
	n.into(second)
	if c := n.count(); c != 1 {
		t.Errorf("the remote was asked %d times", c)
	}
	if !bytes.Equal(f.torrent.Bytes, one.Torrent) {
		t.Error("what a reader did with its memory changed what the others wait for")
	}
}

// An Alloc that has no memory for the remote's answer is no outage. A copy that is served in an
// outage is whole although the read of the remote was given the same memory.
func TestAllocInAnOutage(t *testing.T) {
	remote := &allocating{Store: newRemote()}
	put(t, remote, one, store.Created)
	n := start(t, remote)
	n.cached(one)
	n.set(func(l *line) { l.deaf = errAway })
	eventually(t, "the feed is heard", func() bool { return n.feed.age() > Fresh })
	n.refuses()
	memory := make([]byte, 8<<10)
	if n.into(memory).Stale {
		t.Error("the remote counts as out of reach")
	}
	remote.fails.Store(true)
	if !n.into(memory).Stale {
		t.Error("not from the copy")
	}
	n.refuses()
}
