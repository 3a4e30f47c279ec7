package server_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store"
)

// A Reader answers, fails and is counted as the call that it stands for.
func TestReader(t *testing.T) {
	h := newHarness(t, inProcess)
	hash := h.put(t, torrenttest.Hybrid("read")).GetInfoHash()
	id, err := infohash.Parse(hash)
	if err != nil {
		t.Fatal(err)
	}
	want, err := h.cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
	if err != nil {
		t.Fatal(err)
	}
	<-h.calls // CacheTorrent
	called := <-h.calls
	got, err := h.reader.ReadTorrent(t.Context(), id, nil)
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("got %v and %v, want what GetTorrent answers", got, err)
	}
	if read := <-h.calls; read.Method != called.Method || read.Code != called.Code || read.BytesOut != called.BytesOut {
		t.Errorf("counted as %+v, GetTorrent as %+v", read, called)
	}
	h.store.failGet(errors.New("secret"))
	_, err = h.reader.ReadTorrent(t.Context(), id, nil)
	wantReadReason(t, err, reason.Internal)
}

// roomyStore is a store that reads into the room that it is given.
type roomyStore struct{ store.Store }

func (s roomyStore) Get(ctx context.Context, id infohash.ID, room store.Room) (store.Torrent, error) {
	torrent, err := s.Store.Get(ctx, id, nil)
	if err != nil || room == nil {
		return torrent, err
	}
	b, err := room(len(torrent.Bytes))
	torrent.Bytes = append(b[:0], torrent.Bytes...)
	return torrent, err
}

// The room that a Reader is given reaches the store, and its error the caller.
func TestReaderPassesRoom(t *testing.T) {
	h := newHarnessWith(t, inProcess, func(o *server.Options) { o.Store = roomyStore{o.Store} })
	id, err := infohash.Parse(h.put(t, torrenttest.Hybrid("read")).GetInfoHash())
	if err != nil {
		t.Fatal(err)
	}
	memory := make([]byte, 1<<20)
	got, err := h.reader.ReadTorrent(t.Context(), id, func(int) ([]byte, error) { return memory, nil })
	if err != nil || &got.GetTorrent()[0] != &memory[0] {
		t.Errorf("the bytes lie elsewhere than in the room, or %v", err)
	}
	_, err = h.reader.ReadTorrent(t.Context(), id, func(int) ([]byte, error) { return nil, store.ErrUnavailable })
	wantReadReason(t, err, reason.Overloaded)
}
