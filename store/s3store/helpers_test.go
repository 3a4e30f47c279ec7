package s3store

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/torrentcache/torrentcache/store"
)

// engine is an S3 server with an empty bucket.
type engine struct {
	url, bucket string
	keys        *credentials.Credentials
	handler     http.Handler // of one in memory
}

// direct is a transport to an engine in memory without a network between, which costs
// more than the engine.
type direct struct{ engine http.Handler }

// RoundTrip implements [http.RoundTripper].
func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return ask(d.engine, req), nil
}

// newEngine starts one in memory. If TORRENTCACHE_TEST_S3 is the host:port of a
// running one, without TLS, it makes a bucket there, which stays.
func newEngine(t *testing.T) *engine {
	t.Helper()
	if address := os.Getenv("TORRENTCACHE_TEST_S3"); address != "" {
		return newBucketAt(t, address)
	}
	return newMemoryEngine(t)
}

// newMemoryEngine starts one that compares no signatures and answers at once.
func newMemoryEngine(t *testing.T) *engine {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("torrents"); err != nil {
		t.Fatal(err)
	}
	handler := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return &engine{url: s.URL, bucket: "torrents", keys: credentials.NewStaticV4("test", "testsecret", ""), handler: handler}
}

func newBucketAt(t *testing.T, address string) *engine {
	t.Helper()
	e := &engine{url: "http://" + address, bucket: "test-" + strings.ToLower(rand.Text()), keys: UsualCredentials()}
	client, err := minio.New(address, &minio.Options{Creds: e.keys, Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.MakeBucket(t.Context(), e.bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return e
}

// options returns the options of a node over a prefix of the engine.
func (e *engine) options(prefix string, clock func() time.Time) Options {
	return Options{
		Location:    Location{Endpoint: strings.TrimPrefix(e.url, "http://"), Insecure: true, Bucket: e.bucket, Prefix: prefix},
		Credentials: e.keys,
		Logger:      slog.New(slog.NewTextHandler(io.Discard, nil)),
		Clock:       clock,
		Poll:        20 * time.Millisecond,
	}
}

// open opens a node, closed when the test ends.
func open(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// raw returns the object of a key.
func raw(t *testing.T, s *Store, key string) (body []byte, etag string) {
	t.Helper()
	body, etag, err := s.bucket.Get(context.Background(), key, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return body, etag
}

// overwriteRaw changes an object behind the store's back.
func overwriteRaw(t *testing.T, s *Store, key string, change func(body []byte) []byte) {
	t.Helper()
	body, etag := raw(t, s, key)
	if err := s.bucket.Put(context.Background(), key, change(body), etag); err != nil {
		t.Fatal(err)
	}
}

var prefixes atomic.Int64

// interceptor is a transport that a test may put a fault into.
type interceptor struct {
	next http.RoundTripper
	hook atomic.Pointer[func(next http.RoundTripper, req *http.Request) (*http.Response, error)]
}

// RoundTrip implements [http.RoundTripper].
func (i *interceptor) RoundTrip(req *http.Request) (*http.Response, error) {
	if hook := i.hook.Load(); hook != nil {
		return (*hook)(i.next, req)
	}
	return i.next.RoundTrip(req)
}

// openThrough opens a node whose requests go through an interceptor.
func openThrough(t *testing.T, o Options) (*Store, *interceptor) {
	t.Helper()
	i := &interceptor{next: http.DefaultTransport}
	o.Transport = i
	return open(t, o), i
}

// answer makes the interceptor answer everything itself.
func (i *interceptor) answer(status int, body string) {
	hook := func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req}, nil
	}
	i.hook.Store(&hook)
}

// mustPut puts one item and fails unless the outcome is want.
func mustPut(t *testing.T, s *Store, item store.Item, want store.Outcome) {
	t.Helper()
	if r := s.Put(t.Context(), []store.Item{item})[0]; r.Err != nil || r.Outcome != want {
		t.Fatalf("Put = %+v, want outcome %d", r, want)
	}
}
