package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// searchTime is how long a search for one torrent may take, over all upstreams.
const searchTime = 15 * time.Second

// Options are what [Upstreams] work with. All but LocalAddresses, Observe and Logger are required, and
// Key if a Location has a TokenFile.
type Options struct {
	// Locations are the upstreams, in the order in which they are asked.
	Locations []Location
	// MaxTorrentSize is the size of the largest torrent taken, in bytes.
	MaxTorrentSize int64
	// Wait is how long at most a reader waits for what the upstreams say.
	Wait time.Duration
	// AtOnce is how many searches may ask at a time.
	AtOnce int
	// LocalAddresses lets names lead to addresses that are not public.
	LocalAddresses bool
	// Limits have the memory of what arrives, and the rate of each address.
	Limits *limit.Limits
	// Version is the program's, for its User-Agent.
	Version string
	// Key returns what gives the key in the TokenFile of an upstream. It is called for each
	// request, and so may give another key than before.
	Key func(Location) (func() string, error)
	// Observe is told how asking an upstream ended, in a word, and how long the upstream took.
	// Nil: nobody is told.
	Observe func(upstream, outcome string, took time.Duration)
	// Logger gets a line when an upstream goes away and when it is back. Nil means slog.Default().
	Logger *slog.Logger
}

func (o Options) agent() string { return "torrentcache/" + o.Version }

// Here is what a search needs of this server. It is used until the search ends.
type Here struct {
	// Holds reports whether the torrent is here. One that was missing may have come before the
	// search began.
	Holds func(ctx context.Context) bool
	// Keep stores a torrent that an upstream sent, of which nothing is known yet. Its errors are
	// those of an upload.
	Keep func(ctx context.Context, torrent []byte) error
}

// Upstreams are other caches. A nil *Upstreams are none. They are safe for concurrent use.
type Upstreams struct {
	options Options
	all     []*one
	known   *table
	turns   chan struct{} // has a place for each search that may ask

	ctx      context.Context // ends with Close
	end      context.CancelFunc
	searches sync.WaitGroup
	missed   map[State]*atomic.Int64 // what readers were told; the map is never written
}

// New returns the upstreams of o, which are not asked yet. The error says which is wrong, by
// its name, and why.
func New(o Options) (*Upstreams, error) {
	if o.Observe == nil {
		o.Observe = func(string, string, time.Duration) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	u := &Upstreams{options: o, known: newTable(), turns: make(chan struct{}, o.AtOnce), missed: map[State]*atomic.Int64{}}
	for _, l := range o.Locations {
		up, err := newOne(l, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Name, err)
		}
		u.all = append(u.all, up)
	}
	for _, state := range []State{Found, Absent, Failed, Asking, Busy, Limited} {
		u.missed[state] = &atomic.Int64{}
	}
	u.ctx, u.end = context.WithCancel(context.Background())
	return u, nil
}

// Close ends all searches and waits for them. Later calls of Fetch find nothing.
func (u *Upstreams) Close() {
	if u != nil {
		u.end()
		u.searches.Wait()
	}
}

// Known returns what is remembered of id.
func (u *Upstreams) Known(id infohash.ID) State {
	state, _ := u.known.look(id)
	return state
}

// Forget forgets what is known of a torrent, since it has changed here; of all with the zero Set.
func (u *Upstreams) Forget(ids infohash.Set) {
	if u != nil {
		u.known.forget(ids)
	}
}

// Fetch asks the upstreams for the torrent of id on behalf of a caller, and has it stored. It
// returns what it came to: Found once it is stored, and Asking if that is not known when the
// caller has waited long enough: as long as the options say, and not longer than ctx lasts. Who
// asks for the same id at a time waits for the same search, which uses the first one's here.
func (u *Upstreams) Fetch(ctx context.Context, id infohash.ID, from limit.Caller, here Here) State {
	state := u.fetch(ctx, id, from, here)
	u.missed[state].Add(1)
	return state
}

func (u *Upstreams) fetch(ctx context.Context, id infohash.ID, from limit.Caller, here Here) State {
	state, s := u.known.look(id)
	if state == Unasked {
		if !u.options.Limits.Upstream(from) {
			return Limited
		}
		var isNew bool
		if s, state, isNew = u.known.begin(id); isNew {
			u.searches.Go(func() { u.run(id, s, from, here) })
		}
	}
	if s == nil {
		return state
	}
	patience := time.NewTimer(u.patience(ctx))
	defer patience.Stop()
	select {
	case <-s.done:
		return s.state
	case <-patience.C:
	case <-ctx.Done():
	}
	return Asking
}

// patience is how long the caller of ctx waits: nine tenths of the time that it has at most, so
// that its answer still comes in time.
func (u *Upstreams) patience(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return u.options.Wait
	}
	return min(u.options.Wait, time.Until(deadline)/10*9)
}

// run runs the search s for id, in its turn. Who waits for its turn longer than readers wait
// has no reader any more.
func (u *Upstreams) run(id infohash.ID, s *search, from limit.Caller, here Here) {
	state, age := Busy, time.Duration(0)
	defer func() { u.known.end(id, s, state, age) }()
	turn := time.NewTimer(u.options.Wait)
	defer turn.Stop()
	select {
	case u.turns <- struct{}{}:
	case <-turn.C:
		return
	case <-u.ctx.Done():
		return
	}
	defer func() { <-u.turns }()
	hold := u.options.Limits.Hold(from, limit.Uploading, nil)
	ctx, cancel := context.WithTimeout(limit.WithHold(u.ctx, hold), searchTime)
	defer cancel()
	if here.Holds(ctx) {
		state = Found
		return
	}
	state, age = u.askAll(ctx, id, hold, here)
}

// askAll asks one upstream after the other, until one has the torrent. Each gets its share of
// the time that is left.
func (u *Upstreams) askAll(ctx context.Context, id infohash.ID, hold *limit.Hold, here Here) (State, time.Duration) {
	state, age := Absent, goneAge
	for i, up := range u.all {
		deadline, _ := ctx.Deadline()
		own, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(u.all)-i))
		said, lasts := up.ask(own, id, here).verdict()
		cancel()
		hold.Release()
		switch {
		case said == Found, said == Busy:
			return said, 0
		case said == Failed:
			state = Failed
		}
		age = min(age, lasts)
	}
	return state, age
}
