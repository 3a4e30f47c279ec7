package tiered

import (
	"testing"
	"testing/synctest"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Each of several changes of a torrent waits for a copy of it that is being written: who
// goes on while it is would not take it away. Nobody who reads after the change gets
// what that load says.
func TestChangesDuringAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fills{of: map[infohash.ID]*fill{}}
		f, _ := l.begin(one.IDs.V1, true)
		f.torrent = store.Torrent{IDs: one.IDs, Bytes: one.Torrent}
		close(f.loaded)
		if !l.mayWrite(f) {
			t.Fatal("no copy is made")
		}
		const changes = 3
		gone := make(chan int, changes)
		for i := range changes {
			go func() {
				l.cancel([]infohash.Set{setOf(one.IDs.V2)})
				gone <- i
			}()
			synctest.Wait()
		}
		if len(gone) > 0 {
			t.Errorf("change %d did not wait", <-gone)
		}
		next, begun := l.begin(one.IDs.V1, true)
		if !begun || l.mayWrite(next) {
			t.Error("a read after the changes waits for the load from before, or makes a copy beside it")
		}
		l.end(one.IDs.V1, next)
		l.end(one.IDs.V1, f)
		close(f.written)
		for range changes {
			<-gone
		}
		if len(l.of) != 0 {
			t.Errorf("%d loads are left", len(l.of))
		}
	})
}
