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
	got, err := h.reader.ReadTorrent(t.Context(), id, make([]byte, 0, 1<<20))
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

// intoStore notes what memory it was given.
type intoStore struct {
	store.Store
	given []byte
}

func (s *intoStore) GetInto(ctx context.Context, id infohash.ID, room []byte) (store.Torrent, error) {
	s.given = room
	return s.Get(ctx, id)
}

// The memory that a Reader is given reaches the store.
func TestReaderPassesRoom(t *testing.T) {
	into := &intoStore{}
	h := newHarnessWith(t, inProcess, func(o *server.Options) {
		into.Store = o.Store
		o.Store = into
	})
	id, err := infohash.Parse(h.put(t, torrenttest.Hybrid("read")).GetInfoHash())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.reader.ReadTorrent(t.Context(), id, make([]byte, 0, 12345)); err != nil || cap(into.given) != 12345 {
		t.Errorf("the store was given room for %d bytes, %v", cap(into.given), err)
	}
}
