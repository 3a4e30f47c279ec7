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
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
)

// A Reader answers and fails like GetTorrent, and its reads are counted as such calls.
func TestReader(t *testing.T) {
	h := servertest.New(t, servertest.InProcess)
	hash := h.Put(t, torrenttest.Hybrid("read")).GetInfoHash()
	id, err := infohash.Parse(hash)
	if err != nil {
		t.Fatal(err)
	}
	want, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
	if err != nil {
		t.Fatal(err)
	}
	<-h.Calls // CacheTorrent
	called := <-h.Calls
	got, err := h.Reader.ReadTorrent(t.Context(), id, nil)
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("got %v and %v, want what GetTorrent answers", got, err)
	}
	if read := <-h.Calls; read.Method != called.Method || read.Code != called.Code || read.BytesOut != called.BytesOut {
		t.Errorf("counted as %+v, GetTorrent as %+v", read, called)
	}
	h.Store.FailGet(errors.New("secret"))
	_, err = h.Reader.ReadTorrent(t.Context(), id, nil)
	servertest.WantReadReason(t, err, reason.Internal)
}

// allocatingStore is a store that reads into memory of the Alloc that it is given.
type allocatingStore struct{ store.Store }

func (s allocatingStore) Get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	torrent, err := s.Store.Get(ctx, id, nil)
	if err != nil || alloc == nil {
		return torrent, err
	}
	b, err := alloc(len(torrent.Bytes))
	torrent.Bytes = append(b[:0], torrent.Bytes...)
	return torrent, err
}

// A Reader passes its Alloc to the store, and the error of the Alloc to the caller.
func TestReaderPassesAlloc(t *testing.T) {
	h := servertest.New(t, servertest.InProcess, func(o *servertest.Options) { o.Store = allocatingStore{o.Store} })
	id, err := infohash.Parse(h.Put(t, torrenttest.Hybrid("read")).GetInfoHash())
	if err != nil {
		t.Fatal(err)
	}
	memory := make([]byte, 1<<20)
	got, err := h.Reader.ReadTorrent(t.Context(), id, func(int) ([]byte, error) { return memory, nil })
	if err != nil || &got.GetTorrent()[0] != &memory[0] {
		t.Errorf("the bytes lie elsewhere than in the memory of the Alloc, or %v", err)
	}
	_, err = h.Reader.ReadTorrent(t.Context(), id, func(int) ([]byte, error) { return nil, store.ErrUnavailable })
	servertest.WantReadReason(t, err, reason.Overloaded)
}
