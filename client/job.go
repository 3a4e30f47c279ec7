package client

import (
	"sync/atomic"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// job is an item on its way. One goroutine has it at a time.
type job struct {
	item    Item
	torrent []byte       // inflated; nil while not loaded
	ids     infohash.Set // zero while not parsed
	id      infohash.ID  // what the server is asked for; zero while not known
	layers  bool         // it has all piece layers of BEP 52, which the server's copy may lack
	flies   bool         // flight is this job's
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

// finish tells the result of j and of those who waited for it, and frees what
// they held. Nobody uses j afterwards.
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

// setOf puts an id where it fits; a v2 id cut short looks like one of v1.
func setOf(id infohash.ID) infohash.Set {
	if id.Size() == infohash.SizeV2 {
		return infohash.Set{V2: id}
	}
	return infohash.Set{V1: id}
}

// refused is the result of an item that is refused because of err.
func refused(err *reason.Error) Result {
	return Result{Status: Refused, Reason: string(err.Reason), Message: err.Message}
}

// itemIDs numbers the items of all streams.
type itemIDs struct{ last atomic.Uint64 }

func (n *itemIDs) next() uint64 { return n.last.Add(1) }
