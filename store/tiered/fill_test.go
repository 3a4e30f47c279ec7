package tiered

import (
	"testing"
	"testing/synctest"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/store"
)

// Each of several changes of a torrent waits for a copy of it that is being written. A
// change that did not wait would not take the copy away. A read after the change never
// returns the content of that load.
func TestChangesDuringAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fills{of: map[infohash.ID]*fill{}}
		f, next := loaded(), loaded()
		if !l.begin(f) {
			t.Fatal("no copy is made")
		}
		if l.find(one.IDs.V1) != f {
			t.Error("a read before the changes does not get what is being written")
		}
		const changes = 3
		gone := make(chan int, changes)
		for i := range changes {
			go func() {
				l.cancel([]infohash.ID{one.IDs.V2})
				gone <- i
			}()
			synctest.Wait()
		}
		if len(gone) > 0 {
			t.Errorf("change %d did not wait", <-gone)
		}
		if l.find(one.IDs.V1) != nil || l.begin(next) {
			t.Error("a read after the changes gets what was loaded before, or makes a copy beside it")
		}
		l.end(f)
		for range changes {
			<-gone
		}
		if len(l.of) != 0 || l.writing != 0 || !l.begin(next) {
			t.Errorf("%d copies and %d bytes are left, or there are no more copies", len(l.of), l.writing)
		}
	})
}

// loaded returns the result of a load that ended just now.
func loaded() *fill {
	return &fill{torrent: store.Torrent{IDs: one.IDs, Bytes: one.Torrent}, begun: flight.Uptime(), known: true}
}

// No copy is made of these loads, or none any more, or they are not given to reads.
func TestNoCopies(t *testing.T) {
	for name, change := range map[string]func(*fills, *fill){
		"closed":          func(l *fills, _ *fill) { l.close() },
		"much is waiting": func(l *fills, _ *fill) { l.writing = maxWriting },
		"not heard of":    func(_ *fills, f *fill) { f.known = false },
		"made before":     func(l *fills, f *fill) { l.begin(f); l.end(f) },
	} {
		l, f := &fills{of: map[infohash.ID]*fill{}}, loaded()
		change(l, f)
		if l.begin(f) || l.find(one.IDs.V1) != nil {
			t.Errorf("%s: a copy is made", name)
		}
	}
	l, old := &fills{of: map[infohash.ID]*fill{}}, loaded()
	old.begun -= Fresh
	if !l.begin(old) || l.find(one.IDs.V1) != nil {
		t.Error("a load that began too long ago is given to reads, or makes no copy")
	}
}
