package s3store

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// noMemory is an Alloc that refuses, with an error that a request could have.
func noMemory(int) ([]byte, error) { return nil, errNoMemory }

var errNoMemory = errors.Join(errors.New("no memory"), context.DeadlineExceeded)

// An Alloc that refuses is no fault of the engine: nothing is tried again, and the error is
// that of the Alloc even if the caller has gone.
func TestAllocThatRefuses(t *testing.T) {
	e := newEngine(t)
	s, way := openThrough(t, e.options("refuses/", fixedTime))
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	mustPut(t, s, item, store.Created)
	reads := 0
	way.spoil(objectKey(item.IDs.V1), -1, func(_ *http.Response, body []byte) []byte {
		reads++
		return body
	})
	ctx, cancel := context.WithCancel(t.Context())
	allocs := []store.Alloc{noMemory, func(n int) ([]byte, error) { cancel(); return noMemory(n) }}
	for _, alloc := range allocs {
		if _, err := s.Get(ctx, item.IDs.V1, alloc); err != errNoMemory {
			t.Errorf("Get = %v, want the error of the Alloc as it is", err)
		}
	}
	if reads != len(allocs) {
		t.Errorf("the object was read %d times for %d calls", reads, len(allocs))
	}
}

// No object has an Alloc asked for more than the largest that is read.
func TestAllocIsBounded(t *testing.T) {
	e := newEngine(t)
	o := e.options("bounded/", fixedTime)
	o.OnDamage = func(ids infohash.Set) { t.Errorf("%v counts as damaged", ids) }
	s, way := openThrough(t, o)
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	mustPut(t, s, item, store.Created)
	for _, length := range []int64{-1, bucket.MaxObject + 1} {
		way.spoil(objectKey(item.IDs.V1), -1, func(resp *http.Response, body []byte) []byte {
			resp.ContentLength = length
			return body
		})
		_, err := s.Get(t.Context(), item.IDs.V1, func(n int) ([]byte, error) {
			t.Errorf("asked for %d bytes for an answer of %d", n, length)
			return make([]byte, n), nil
		})
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Get of an answer of %d bytes = %v, want ErrUnavailable", length, err)
		}
	}
}
