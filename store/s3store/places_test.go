package s3store

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestWaitingForTheFeedTakesNoPlace puts more torrents than are written at a time,
// while the feed takes nothing: all of them are written, and answered with the feed.
func TestWaitingForTheFeedTakesNoPlace(t *testing.T) {
	const puts = maxPuts + 10
	e := newEngine(t)
	s, i := openThrough(t, e.options("places/", fixedTime))
	var written sync.WaitGroup
	written.Add(puts)
	feedOpen := make(chan struct{})
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/feed/") {
			<-feedOpen
		}
		resp, err := next.RoundTrip(req)
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/t/") {
			written.Done()
		}
		return resp, err
	}
	i.hook.Store(&hook)
	var answered sync.WaitGroup
	for n := range puts {
		answered.Go(func() {
			mustPut(t, s, storetest.Torrent(storetest.V1, uint64(n), 300, 0), store.Created)
		})
	}
	written.Wait()
	close(feedOpen)
	answered.Wait()
}
