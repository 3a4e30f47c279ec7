package s3store

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestChangesUnheard cuts one node off: when it has not heard the feed for a while it
// says so, and does not say that nothing has changed. Other nodes go on.
func TestChangesUnheard(t *testing.T) {
	e := newEngine(t)
	line := &interceptor{next: http.DefaultTransport}
	o := e.options("stale/", fixedTime)
	o.Transport = line
	cut, other := open(t, o), open(t, e.options("stale/", fixedTime))
	var cursor store.Cursor
	heard := 0
	listen := func() (err error) {
		var changes []store.Change
		changes, cursor, err = cut.Changes(t.Context(), cursor, 10)
		heard += len(changes)
		return err
	}
	if err := listen(); err != nil {
		t.Fatal(err)
	}
	line.answer(http.StatusServiceUnavailable, "")
	mustPut(t, other, storetest.Torrent(storetest.V1, 1, 300, 0), store.Created)
	deadline := time.Now().Add(patience)
	for !errors.Is(listen(), store.ErrUnavailable) { // a read under way may hear of it yet
		if time.Now().After(deadline) {
			t.Fatal("a node that is cut off says that nothing has changed")
		}
		wait.For(t.Context(), o.Poll)
	}
	line.hook.Store(nil)
	for deadline = time.Now().Add(patience); ; {
		err := listen()
		if err == nil && heard == 1 {
			return
		}
		if err == nil || time.Now().After(deadline) {
			t.Fatalf("back again: %d changes, %v", heard, err)
		}
	}
}

// patience bounds waits for events that surely come.
const patience = 60 * time.Second
