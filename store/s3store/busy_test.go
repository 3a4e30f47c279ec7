package s3store

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// busyEngine is an engine that works on two requests at a time, first come first
// served. Each request takes about as long as Ceph took on two cores. Its time is that
// of a synctest bubble: no machine is too slow for the figures.
type busyEngine struct {
	handler http.Handler
	places  chan struct{}
}

const (
	wayTime     = time.Millisecond // to the engine, and back
	plainPut    = 3500 * time.Microsecond
	condition   = 300 * time.Microsecond // If-None-Match: the engine looks first
	refusedPut  = 1500 * time.Microsecond
	getTime     = 1200 * time.Microsecond
	clientPause = time.Millisecond // between an answer and the next put
)

func newBusyEngine(t *testing.T) *busyEngine {
	return &busyEngine{handler: newBubbleEngine(t), places: make(chan struct{}, 2)}
}

// newBubbleEngine returns an engine without a network, for bubbles.
func newBubbleEngine(t *testing.T) http.Handler {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("torrents"); err != nil {
		t.Fatal(err)
	}
	return gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
}

// ask returns the answer of an engine to a request of a client.
func ask(engine http.Handler, req *http.Request) *http.Response {
	in := req.Clone(req.Context())
	in.Header.Set("Content-Length", strconv.FormatInt(req.ContentLength, 10))
	if in.Body == nil {
		in.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	engine.ServeHTTP(answer, in)
	resp := answer.Result()
	resp.Request = req
	return resp
}

// openInBubble opens a node over a bubble's engine, which transport leads to.
func openInBubble(t *testing.T, transport http.RoundTripper) *Store {
	t.Helper()
	return open(t, Options{
		Location:    Location{Endpoint: "engine.test", Insecure: true, Bucket: "torrents", Prefix: "bubble/"},
		Credentials: credentials.NewStaticV4("test", "testsecret", ""),
		Logger:      slog.New(slog.DiscardHandler),
		Clock:       fixedTime,
		Transport:   transport,
	})
}

// RoundTrip implements [http.RoundTripper].
func (e *busyEngine) RoundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(wayTime)
	e.places <- struct{}{}
	resp := ask(e.handler, req)
	time.Sleep(workOf(req, resp.StatusCode))
	<-e.places
	time.Sleep(wayTime)
	return resp, nil
}

func workOf(req *http.Request, status int) time.Duration {
	switch {
	case req.Method != http.MethodPut:
		return getTime
	case status == http.StatusPreconditionFailed:
		return refusedPut
	case req.Header.Get("If-None-Match") != "":
		return plainPut + condition
	}
	return plainPut
}

// TestRateOfPuts puts new torrents at nodes over an engine that has as much to do as
// it can: nearly all that it can do is done for torrents, at each node, and no put
// waits for long because its node is never first in the feed.
func TestRateOfPuts(t *testing.T) {
	for _, test := range []struct {
		name           string
		clients, nodes int
		rate           float64       // at least, of that of plain puts
		wait           time.Duration // of one put, at most
	}{
		{"one node", 64, 1, 0.8, time.Second},
		{"three nodes", 64, 3, 0.65, 8 * time.Second},
		{"three nodes, many clients", 256, 3, 0.65, 8 * time.Second},
		{"one node, few clients", 8, 1, 0.5, time.Second},
		{"five nodes, few clients", 8, 5, 0.1, 10 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newBusyEngine(t)
				nodes := make([]*Store, test.nodes)
				for i := range nodes {
					nodes[i] = openInBubble(t, e)
				}
				plain, _ := putFor(time.Second, test.clients, func(_ int, item store.Item) {
					b := nodes[0].bucket
					if err := b.Send(t.Context(), "plain/"+item.IDs.V1.String(), item.Torrent, http.Header{}); err != nil {
						t.Error(err)
					}
				})
				rate, worst := putFor(2*time.Second, test.clients, func(client int, item store.Item) {
					mustPut(t, nodes[client%len(nodes)], item, store.Created)
				})
				t.Logf("%.0f puts a second, %.2f of %.0f; the longest took %v", rate, rate/plain, plain, worst)
				if rate < test.rate*plain || worst > test.wait {
					t.Errorf("want %.2f at least, and no put longer than %v", test.rate, test.wait)
				}
			})
		})
	}
}

// putFor has clients put torrents for the time of a span, and returns how many a second and
// the longest that one took.
func putFor(span time.Duration, clients int, put func(client int, item store.Item)) (rate float64, worst time.Duration) {
	var group sync.WaitGroup
	var mu sync.Mutex
	done, begin := 0, time.Now()
	for client := range clients {
		group.Go(func() {
			for n := 0; time.Since(begin) < span; n++ {
				item := storetest.Torrent(storetest.V1, uint64(client<<20|n), 300, 0)
				begun := time.Now()
				put(client, item)
				mu.Lock()
				done, worst = done+1, max(worst, time.Since(begun))
				mu.Unlock()
				time.Sleep(clientPause)
			}
		})
	}
	group.Wait()
	return float64(done) / time.Since(begin).Seconds(), worst
}
