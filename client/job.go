package client

import (
	"sync"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// job is an item on its way. Only one goroutine uses it at a time.
type job struct {
	item    Item
	torrent []byte       // inflated; nil while not loaded
	ids     infohash.Set // zero until parsed
	id      infohash.ID  // the id to ask the server about; zero while unknown
	layers  bool         // it has all piece layers (BEP 52), which the server's copy may lack
	flies   bool         // the job itself is sent, not another one with the same flight
	held    int64        // bytes of pusher.room
	late    int64        // bytes of pusher.late
}

func newJob(item Item) *job {
	j := &job{item: item, held: jobOverhead}
	if j.waitsForAnswer() {
		j.id = item.Known
		return j
	}
	if item.Torrent != nil {
		j.held += int64(len(item.Torrent))
	} else {
		j.held += max(0, item.Size)
	}
	return j
}

// waitsForAnswer reports whether the item need not be loaded unless the server lacks it.
func (j *job) waitsForAnswer() bool {
	return !j.item.Known.IsZero() && j.item.Torrent == nil
}

func (j *job) flight() flight { return flight{j.id, j.layers} }

// finish reports the result of j and of the jobs that waited for it, and frees the bytes that they
// held. The caller must not use j afterwards.
func (p *pusher) finish(j *job, r Result) {
	var followers []*job
	if j.flies {
		followers = p.flights.land(j.flight())
	}
	p.tell(j, r)
	if r.Status != Refused {
		r = Result{Status: Already}
	}
	for _, f := range followers {
		p.tell(f, r)
	}
}

func (p *pusher) tell(j *job, r Result) {
	r.Item, r.IDs = j.item, j.ids
	r.Item.Torrent = nil
	if r.IDs == (infohash.Set{}) {
		r.IDs = setOf(j.item.Known)
	}
	p.finishing.Lock()
	p.o.Result(r)
	p.finishing.Unlock()
	p.room.adjust(-j.held)
	p.late.adjust(-j.late)
}

// setOf returns the set that has id in the field of its size. A truncated v2 id looks like a v1 id.
func setOf(id infohash.ID) infohash.Set {
	if id.Size() == infohash.SizeV2 {
		return infohash.Set{V2: id}
	}
	return infohash.Set{V1: id}
}

// refused returns the result of an item that is refused because of err.
func refused(err *reason.Error) Result {
	return Result{Status: Refused, Reason: string(err.Reason), Message: err.Message}
}

// flights are the torrents in flight. They make sure that a torrent under two names is sent once.
type flights struct {
	mu      sync.Mutex
	waiting map[flight][]*job // guarded by mu; a key for each torrent on its way
}

// flight identifies a torrent that is sent only once at a time. A torrent with piece layers and one
// with the same id and without piece layers are two flights.
type flight struct {
	id     infohash.ID
	layers bool
}

func newFlights() *flights { return &flights{waiting: map[flight][]*job{}} }

// join reports whether j is the first job of its flight, which must be sent. Any other job gets the
// result of the first one.
func (f *flights) join(id flight, j *job) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	followers, flying := f.waiting[id]
	if !flying {
		f.waiting[id] = nil
		return true
	}
	f.waiting[id] = append(followers, j)
	return false
}

// land ends the flight of id and returns the jobs that waited for it.
func (f *flights) land(id flight) []*job {
	f.mu.Lock()
	defer f.mu.Unlock()
	followers := f.waiting[id]
	delete(f.waiting, id)
	return followers
}
