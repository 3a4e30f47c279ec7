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

// roomy is a store that reads into the room that it is given, as one elsewhere does, and
// whose reads may fail after that.
type roomy struct {
	store.Store
	fails atomic.Bool
}

func (r *roomy) Get(ctx context.Context, id infohash.ID, room store.Room) (store.Torrent, error) {
	t, err := r.Store.Get(ctx, id, nil)
	if err != nil || room == nil {
		return t, err
	}
	b, err := room(len(t.Bytes))
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

// errNoRoom looks like an outage, and like a copy that is no good.
var errNoRoom = errors.Join(errors.New("no room"), store.ErrUnavailable, store.ErrDamaged)

// into reads one into memory that is the same each time.
func (n *node) into(memory []byte) store.Torrent {
	n.t.Helper()
	got, err := n.Store.Get(n.t.Context(), one.IDs.V1, func(int) ([]byte, error) { return memory, nil })
	must(n.t, err)
	if !bytes.Equal(got.Bytes, one.Torrent) || !bytes.Contains(memory, one.Torrent) {
		n.t.Error("other bytes than were put, or elsewhere than in the room")
	}
	return got
}

// refuses fails unless the error of a room comes back.
func (n *node) refuses() {
	n.t.Helper()
	_, err := n.Store.Get(n.t.Context(), one.IDs.V1, func(int) ([]byte, error) { return nil, errNoRoom })
	if !errors.Is(err, errNoRoom) {
		n.t.Errorf("Get = %v, want the error of the room", err)
	}
}

// A room that has none for a copy does not have the remote asked instead.
func TestRoomForACopy(t *testing.T) {
	_, n := startCached(t)
	n.into(make([]byte, 8<<10))
	before := n.count()
	n.refuses()
	if n.count() > before {
		t.Error("the remote was asked")
	}
	n.cached(one)
}

// Of those who wait for one load each has its own room asked, and no other's bytes.
func TestRoomsOfOneLoad(t *testing.T) {
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

// A room that has none for what the remote says is no outage. A copy that is served in
// one is whole although the read of the remote was given the same memory.
func TestRoomInAnOutage(t *testing.T) {
	remote := &roomy{Store: newRemote()}
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
