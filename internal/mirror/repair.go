package mirror

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// repairWait is how long a reader waits for the repair of a torrent. repairTime is how long the
	// repair may take, whether or not a reader still waits.
	repairWait = 3 * time.Second
	repairTime = 15 * time.Second

	// repairAgain is how long after a failed repair of a torrent readers cause no further one. At
	// most maxHopeless failed repairs are remembered.
	repairAgain = time.Minute
	maxHopeless = 10_000

	// repairsAtOnce is how many repairs for readers run at a time.
	repairsAtOnce = 4
)

// Repairer fetches torrents that the store here has lost: their bytes are damaged, gone, or cannot
// be read. It checks each fetched torrent against its info hash and the policy for uploads. It is
// safe for concurrent use.
type Repairer struct {
	target  Target
	sources []Source
	fetch   func(context.Context, infohash.ID) bool

	flights flight.Group[infohash.ID, bool]
	places  chan struct{} // one element for each running repair for a reader

	mu       sync.Mutex
	hopeless map[infohash.ID]time.Time // when the last repair failed

	healed, failed atomic.Int64
}

// NewRepairer returns a Repairer that asks sources in order and then calls fetch, which fetches a
// torrent from elsewhere and stores it. If fetch is nil, nothing else is asked.
func NewRepairer(target Target, sources []Source, fetch func(context.Context, infohash.ID) bool) *Repairer {
	return &Repairer{
		target: target, sources: sources, fetch: fetch,
		places: make(chan struct{}, repairsAtOnce), hopeless: map[infohash.ID]time.Time{},
	}
}

// Counts returns how many repairs of a torrent succeeded, and how many failed, since the start.
func (r *Repairer) Counts() (healed, failed int64) { return r.healed.Load(), r.failed.Load() }

// Repair repairs the torrent of id for a reader and reports whether it is whole now. It returns
// after repairWait at the latest; the repair itself may go on until repairTime is over.
func (r *Repairer) Repair(ctx context.Context, id infohash.ID) bool {
	if r.isHopeless(id) {
		return false
	}
	done := make(chan bool, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), repairTime)
		defer cancel()
		healed, err := r.flights.Do(ctx, id, func() (bool, error) { return r.one(ctx, id), nil }, func(bool, error) {})
		done <- healed && err == nil
	}()
	timer := time.NewTimer(repairWait)
	defer timer.Stop()
	select {
	case healed := <-done:
		return healed
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// one repairs a torrent. It returns false at once if repairsAtOnce repairs for readers are running.
func (r *Repairer) one(ctx context.Context, id infohash.ID) bool {
	select {
	case r.places <- struct{}{}:
	default:
		return false
	}
	defer func() { <-r.places }()
	return len(r.All(ctx, []infohash.ID{id})) == 0
}

// All repairs torrents and returns the ids of those that it could not repair.
func (r *Repairer) All(ctx context.Context, ids []infohash.ID) []infohash.ID {
	left := ids
	for _, source := range r.sources {
		left = r.from(ctx, source, left)
	}
	var hopeless []infohash.ID
	for _, id := range left {
		if r.fetch == nil || ctx.Err() != nil || !r.fetch(ctx, id) {
			hopeless = append(hopeless, id)
		}
	}
	if ctx.Err() == nil {
		r.note(hopeless)
	}
	r.healed.Add(int64(len(ids) - len(hopeless)))
	r.failed.Add(int64(len(hopeless)))
	return hopeless
}

// from repairs the torrents that one source has and returns the ids of the rest.
func (r *Repairer) from(ctx context.Context, source Source, ids []infohash.ID) (left []infohash.ID) {
	next := 0
	for answer, err := range source.ReadTorrents(ctx, ids) {
		if err != nil || next == len(ids) {
			break
		}
		id := ids[next]
		next++
		if len(answer.GetTorrent()) == 0 || r.target.Keep(ctx, id, answer.GetTorrent(), store.RankFetched) != nil {
			left = append(left, id)
		}
	}
	return append(left, ids[next:]...)
}

func (r *Repairer) isHopeless(id infohash.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, known := r.hopeless[id]
	return known && time.Since(at) < repairAgain
}

func (r *Repairer) note(ids []infohash.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if len(r.hopeless) >= maxHopeless {
			clear(r.hopeless) // trying again does no harm
		}
		r.hopeless[id] = time.Now()
	}
}
