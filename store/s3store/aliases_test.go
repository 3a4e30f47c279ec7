package s3store

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// gate holds back the first write of one key.
type gate struct {
	reached, release chan struct{}
}

// hold returns a node whose first write of key waits at the gate.
func hold(t *testing.T, o Options, key string) (*Store, *gate) {
	t.Helper()
	s, way := openThrough(t, o)
	g := &gate{reached: make(chan struct{}), release: make(chan struct{})}
	first := make(chan struct{}, 1)
	first <- struct{}{}
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, key) {
			select {
			case <-first:
				close(g.reached)
				<-g.release
			default:
			}
		}
		return next.RoundTrip(req)
	}
	way.hook.Store(&hook)
	return s, g
}

// TestRemovalByAliasDuringUpload removes a torrent by an alias that leads to
// nothing of its own when it is read, while an upload makes it lead to the torrent:
// afterwards all ids are removed.
func TestRemovalByAliasDuringUpload(t *testing.T) {
	e := newEngine(t)
	item := storetest.Torrent(storetest.Hybrid, 1, 500, 0)
	s := open(t, e.options("alias/", fixedTime))
	remover, removal := hold(t, e.options("alias/", fixedTime), objectKey(item.IDs.V2))
	uploader, commit := hold(t, e.options("alias/", fixedTime), objectKey(item.IDs.V1))
	if err := storetest.Remove(t.Context(), s, item.IDs.V1, store.Removal{}); err != nil {
		t.Fatal(err)
	}
	unfinished := s.newUpload(item, object.WriteID{})
	for _, id := range item.IDs.All()[1:] {
		if err := s.bucket.Write(t.Context(), objectKey(id), aliasOf(unfinished.head, object.WriteID{}), ""); err != nil {
			t.Fatal(err)
		}
	}
	removed, put := make(chan error, 1), make(chan error, 1)
	go func() { removed <- storetest.Remove(t.Context(), remover, item.IDs.V2, store.Removal{}) }()
	<-removal.reached
	if err := storetest.Restore(t.Context(), s, item.IDs.V1); err != nil {
		t.Fatal(err)
	}
	go func() { put <- uploader.Put(t.Context(), []store.Item{item})[0].Err }()
	<-commit.reached
	close(removal.release)
	if err := <-removed; err != nil {
		t.Fatal(err)
	}
	close(commit.release)
	if err := <-put; !errors.Is(err, store.ErrRemoved) {
		t.Errorf("Put = %v, want ErrRemoved", err)
	}
	for _, id := range item.IDs.All() {
		if got, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrRemoved) {
			t.Errorf("Get(%v) = %d bytes, %v; want ErrRemoved", id, len(got.Bytes), err)
		}
	}
}

// TestRemovalByDamagedAlias removes a torrent by an alias whose header is damaged,
// though not where it says which torrent it is of.
func TestRemovalByDamagedAlias(t *testing.T) {
	e := newEngine(t)
	for i, shape := range []storetest.Shape{storetest.V2, storetest.Hybrid, storetest.Hybrid} {
		item := storetest.Torrent(shape, uint64(i), 500, 0)
		s := open(t, e.options("damagedalias/", fixedTime))
		mustPut(t, s, item, store.Created)
		alias := item.IDs.All()[max(i, 1)]
		overwriteRaw(t, s, objectKey(alias), func(b []byte) []byte { b[5] ^= 0x40; return b })
		if err := storetest.Remove(t.Context(), s, alias, store.Removal{}); err != nil {
			t.Fatal(err)
		}
		for _, id := range item.IDs.All() {
			if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrRemoved) {
				t.Errorf("torrent %d: Get(%v) = %v, want ErrRemoved", i, id, err)
			}
		}
		if err := storetest.Restore(t.Context(), s, alias); err != nil {
			t.Errorf("Restore = %v", err)
		}
		mustPut(t, s, item, store.AlreadyCached)
	}
}
