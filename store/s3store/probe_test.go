package s3store

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// edit is a transport that changes requests before they are sent.
type edit func(req *http.Request)

// RoundTrip implements [http.RoundTripper].
func (e edit) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	e(req)
	return http.DefaultTransport.RoundTrip(req)
}

func TestEndpointWithoutIfNoneMatch(t *testing.T) {
	o := newMemoryEngine(t).options("", time.Now)
	o.Transport = edit(func(req *http.Request) { req.Header.Del("If-None-Match") })
	_, err := Open(t.Context(), o)
	if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "If-None-Match") {
		t.Errorf("Open = %v, want that the endpoint ignores If-None-Match", err)
	}
}

func TestMatching(t *testing.T) {
	tests := []struct {
		name string
		edit edit
		want bucket.Matching
	}{
		{"as RFC 9110 has it", func(*http.Request) {}, bucket.MatchQuoted},
		// As Ceph 16 does: quotes are part of the compared text.
		{"without quotes only", func(req *http.Request) {
			if strings.HasPrefix(req.Header.Get("If-Match"), `"`) {
				req.Header.Set("If-Match", "no object has this ETag")
			}
		}, bucket.MatchPlain},
		{"not at all", func(req *http.Request) { req.Header.Del("If-Match") }, bucket.MatchNone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := newEngine(t).options("", time.Now)
			o.Transport = test.edit
			s := open(t, o)
			if s.bucket.Matching != test.want || s.Conditional() != (test.want != bucket.MatchNone) {
				t.Errorf("matching is %d, want %d", s.bucket.Matching, test.want)
			}
			// One node alone works with every kind of matching.
			item := storetest.Torrent(storetest.Hybrid, 1, 500, 0)
			mustPut(t, s, item, store.Created)
			better := storetest.Torrent(storetest.Hybrid, 1, 500, 1)
			better.Replaces = store.VersionOf(item.Torrent)
			mustPut(t, s, better, store.Replaced)
			if err := storetest.Remove(t.Context(), s, item.IDs.V2, store.Removal{}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Get(t.Context(), item.IDs.V1, nil); !errors.Is(err, store.ErrRemoved) {
				t.Errorf("Get of the removed torrent = %v", err)
			}
		})
	}
}

// TestRacingWrites checks that one of many writers of one key wins, each with the same
// condition, and that its bytes are there then. It is a test of the engine.
func TestRacingWrites(t *testing.T) {
	s := open(t, newEngine(t).options("race/", time.Now))
	const writers, rounds = 32, 50
	etag, key := "", ""
	for round := range rounds {
		if round%2 == 0 { // the first of a key, then one that takes its place
			etag, key = "", fmt.Sprintf("raced/%d", round)
		}
		var errs [writers]error
		var group sync.WaitGroup
		body := func(w int) []byte { return append(fmt.Appendf(nil, "%d by %d\n", round, w), make([]byte, 40_000)...) }
		for w := range writers {
			group.Go(func() { errs[w] = s.bucket.Write(t.Context(), key, body(w), etag) })
		}
		group.Wait()
		winner := slices.Index(errs[:], nil)
		for w, err := range errs {
			if w != winner && !errors.Is(err, bucket.ErrLost) {
				t.Fatalf("round %d: writers %d and %d of one key: %v, %v", round, winner, w, errs[max(winner, 0)], err)
			}
		}
		var got []byte
		if got, etag = raw(t, s, key); !bytes.Equal(got, body(winner)) {
			t.Fatalf("round %d: what is there is not of writer %d, who won", round, winner)
		}
	}
}

// TestMatchOfNothing checks that a write in the place of an object that is gone counts as one that
// lost, whether it is refused with 412 or, as by AWS and MinIO, with 404, or nobody refuses it.
func TestMatchOfNothing(t *testing.T) {
	o := newEngine(t).options("", time.Now)
	s, net := openThrough(t, o)
	put := func(name string) {
		if err := s.bucket.Put(t.Context(), "t/nothing", []byte("x"), "00000000000000000000000000000000"); !errors.Is(err, bucket.ErrLost) {
			t.Errorf("%s: put = %v, want errLost", name, err)
		}
	}
	put("refused by the engine")
	net.answer(http.StatusNotFound, "<Error><Code>NoSuchKey</Code></Error>")
	put("refused with 404")
	net.hook.Store(nil)
	s.bucket.Matching = bucket.MatchNone
	put("not refused")
}

func TestNoSuchBucket(t *testing.T) {
	o := newEngine(t).options("", time.Now)
	o.Bucket = "nothing-here"
	if _, err := Open(t.Context(), o); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("Open = %v, want ErrUnavailable and NoSuchBucket", err)
	}
}

// TestAbsenceIsSaidByTheStore sees that a 404 of something in between is an
// outage, not a torrent that is not cached.
func TestAbsenceIsSaidByTheStore(t *testing.T) {
	o := newEngine(t).options("", time.Now)
	s, net := openThrough(t, o)
	id := storetest.Torrent(storetest.V1, 1, 500, 0).IDs.V1
	for _, body := range []string{"", "<html>nothing here</html>", "<Error><Code>NoSuchBucket</Code></Error>"} {
		net.answer(http.StatusNotFound, body)
		if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("404 with %q: Get = %v, want ErrUnavailable", body, err)
		}
		if _, err := s.Has(t.Context(), []infohash.ID{id, id}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("404 with %q: Has = %v, want ErrUnavailable", body, err)
		}
	}
	net.hook.Store(nil)
	if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
}
