package s3store

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// spoil makes the interceptor change the answers to reads of keys that end so, while
// times is not used up; a negative one never is.
func (i *interceptor) spoil(key string, times int64, change func(resp *http.Response, body []byte) []byte) {
	var done atomic.Int64
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil || req.Method != http.MethodGet || resp.StatusCode >= 300 || !strings.HasSuffix(req.URL.Path, key) ||
			done.Add(1) > times && times >= 0 {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		resp.ContentLength = int64(len(body))
		body = change(resp, body)
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, nil
	}
	i.hook.Store(&hook)
}

// web makes resp a page of a proxy.
func web(resp *http.Response, header http.Header) []byte {
	const page = "<html><body>Please log in to the network.</body></html>"
	resp.StatusCode, resp.Header, resp.ContentLength = http.StatusOK, header, int64(len(page))
	return []byte(page)
}

// badReads are answers that prove nothing of an object.
var badReads = map[string]func(resp *http.Response, body []byte) []byte{
	"cut short": func(_ *http.Response, body []byte) []byte { return body[:len(body)/2] },
	"cut short, and said so": func(resp *http.Response, body []byte) []byte {
		resp.StatusCode, resp.ContentLength = http.StatusPartialContent, 100
		resp.Header.Set("Content-Range", "bytes 0-99/668")
		return body[:100]
	},
	"a part that does not say which": func(resp *http.Response, body []byte) []byte {
		resp.StatusCode = http.StatusPartialContent
		resp.Header.Del("Content-Range")
		return body
	},
	"another part": func(resp *http.Response, body []byte) []byte {
		resp.StatusCode = http.StatusPartialContent
		resp.Header.Set("Content-Range", "bytes 1-168/668")
		return body
	},
	"a page": func(resp *http.Response, _ []byte) []byte {
		return web(resp, http.Header{"Content-Type": {"text/html; charset=utf-8"}, "Etag": {`"page"`}})
	},
	"a page without a type": func(resp *http.Response, _ []byte) []byte { return web(resp, http.Header{}) },
	"changed on the way, each time otherwise": func() func(*http.Response, []byte) []byte {
		var n atomic.Int64
		return func(_ *http.Response, body []byte) []byte {
			at := n.Add(1) % 100
			body[at] ^= 1
			body[len(body)-1-int(at)] ^= 1
			return body
		}
	}(),
}

// TestReadsThatProveNothing changes answers on the way, so that they are not what the engine has.
// Nothing counts as damaged for them, nothing as missing, and nothing is overwritten.
func TestReadsThatProveNothing(t *testing.T) {
	e := newEngine(t)
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	other, higher := storetest.Torrent(storetest.V1, 1, 500, 1), item
	other.Replaces, higher.Rank = store.VersionOf(item.Torrent), store.RankKeyed
	for name, change := range badReads {
		t.Run(name, func(t *testing.T) {
			o := e.options("reads/"+strings.ReplaceAll(name, " ", "-")+"/", fixedTime)
			o.OnDamage = func(ids infohash.Set) { t.Errorf("%v counts as damaged", ids) }
			s, way := openThrough(t, o)
			mustPut(t, s, item, store.Created)
			_, etag := raw(t, s, objectKey(item.IDs.V1))
			way.spoil(objectKey(item.IDs.V1), -1, change)
			_, get := s.Get(t.Context(), item.IDs.V1, nil)
			memory := make([]byte, 1<<10) // the same each time, so that the second read overwrites the first
			_, into := s.Get(t.Context(), item.IDs.V1, func(int) ([]byte, error) { return memory, nil })
			_, has := s.Has(t.Context(), item.IDs.All())
			for name, err := range map[string]error{
				"Get": get, "Get into a room": into, "Has": has,
				"Put":                  s.Put(t.Context(), []store.Item{item})[0].Err,
				"Put of a higher rank": s.Put(t.Context(), []store.Item{higher})[0].Err,
				"Put that replaces":    s.Put(t.Context(), []store.Item{other})[0].Err,
				"Remove":               storetest.Remove(t.Context(), s, item.IDs.V1, store.Removal{}),
			} {
				if !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%s = %v, want ErrUnavailable", name, err)
				}
			}
			way.hook.Store(nil)
			if _, now := raw(t, s, objectKey(item.IDs.V1)); now != etag {
				t.Error("the object was overwritten")
			}
			if got, err := s.Get(t.Context(), item.IDs.V1, nil); err != nil || !bytes.Equal(got.Bytes, item.Torrent) {
				t.Errorf("Get after that = %v", err)
			}
		})
	}
}

// flip changes one bit.
func flip(_ *http.Response, body []byte) []byte {
	body[len(body)-1] ^= 1
	return body
}

// TestChangedOnceOnTheWay has one answer changed: it is read again, for objects of every kind.
func TestChangedOnceOnTheWay(t *testing.T) {
	e := newEngine(t)
	o := e.options("once/", fixedTime)
	o.OnDamage = func(ids infohash.Set) { t.Errorf("%v counts as damaged", ids) }
	s, way := openThrough(t, o)
	item, other := storetest.Torrent(storetest.Hybrid, 1, 500, 0), storetest.Torrent(storetest.V1, 2, 500, 0)
	mustPut(t, s, item, store.Created)
	for _, id := range item.IDs.All() {
		way.spoil(objectKey(id), 1, flip)
		if got, err := s.Get(t.Context(), id, nil); err != nil || !bytes.Equal(got.Bytes, item.Torrent) {
			t.Errorf("Get(%v) = %v", id, err)
		}
	}
	way.spoil(objectKey(item.IDs.V1), 1, flip)
	if err := storetest.Remove(t.Context(), s, item.IDs.V1, store.Removal{Reason: "spam"}); err != nil {
		t.Errorf("Remove = %v", err)
	}
	way.spoil(objectKey(item.IDs.V1), 1, func(_ *http.Response, body []byte) []byte {
		body[object.HeaderSize] ^= 1
		return body
	})
	var removed *store.RemovedError
	if _, err := s.Get(t.Context(), item.IDs.V1, nil); !errors.As(err, &removed) || removed.Removal.Reason != "spam" {
		t.Errorf("Get = %#v, want the removal with its reason", err)
	}
	way.hook.Store(nil)
	mustPut(t, open(t, e.options("once/", fixedTime)), other, store.Created)
	way.spoil(feedKey(3), 1, flip)
	if _, err := s.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := changesOf(t, s); len(got) != 3 {
		t.Errorf("the feed is %v, want three changes", got)
	}
	if err := s.SetValue(t.Context(), "note", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	way.spoil(valueKey("note"), 1, flip)
	if got, err := s.Value(t.Context(), "note"); string(got) != "kept" || err != nil {
		t.Errorf("Value = %q, %v", got, err)
	}
	way.hook.Store(nil)
}

// TestPageForAnUpload has a proxy answer all writes of a torrent: nobody is told that it
// is stored.
func TestPageForAnUpload(t *testing.T) {
	s, way := openThrough(t, newEngine(t).options("upload/", fixedTime))
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Method != http.MethodPut || !strings.HasSuffix(req.URL.Path, objectKey(item.IDs.V1)) {
			return next.RoundTrip(req)
		}
		resp := &http.Response{Request: req}
		resp.Body = io.NopCloser(bytes.NewReader(web(resp, http.Header{"Content-Type": {"text/html"}})))
		return resp, nil
	}
	way.hook.Store(&hook)
	if r := s.Put(t.Context(), []store.Item{item})[0]; !errors.Is(r.Err, store.ErrUnavailable) {
		t.Errorf("Put = %+v, want ErrUnavailable", r)
	}
	way.hook.Store(nil)
	mustPut(t, s, item, store.Created)
}

// TestPageForASession has a proxy answer a question for a session of another node: that
// does not say that all of it is in the feed.
func TestPageForASession(t *testing.T) {
	s := open(t, newEngine(t).options("page/", fixedTime))
	var id object.SessionID
	if err := s.bucket.Put(t.Context(), sessionKey(id), []byte("a page with a body of its own"), ""); err != nil {
		t.Fatal(err)
	}
	if settled, err := s.isSettled(t.Context(), id); settled || err != nil {
		t.Errorf("settled: %t, %v", settled, err)
	}
}

// TestHealedElsewhere damages a torrent that another node heals: the node that had
// found it damaged says that it is there once it has read it.
func TestHealedElsewhere(t *testing.T) {
	e := newEngine(t)
	s, other := open(t, e.options("healed/", fixedTime)), open(t, e.options("healed/", fixedTime))
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	mustPut(t, s, item, store.Created)
	overwriteRaw(t, s, objectKey(item.IDs.V1), func(body []byte) []byte { return flip(nil, body) })
	if _, err := s.Get(t.Context(), item.IDs.V1, nil); !errors.Is(err, store.ErrDamaged) {
		t.Fatalf("Get = %v, want ErrDamaged", err)
	}
	mustPut(t, other, item, store.Healed)
	if _, err := s.Get(t.Context(), item.IDs.V1, nil); err != nil {
		t.Fatal(err)
	}
	if has, err := s.Has(t.Context(), item.IDs.All()); err != nil || !has[0].Found() {
		t.Errorf("Has = %v, %v after it was read", has, err)
	}
	if stats, err := s.Stats(t.Context()); err != nil || stats.Torrents != 1 || stats.Bytes != int64(len(item.Torrent)) {
		t.Errorf("Stats = %+v, %v", stats, err)
	}
}
