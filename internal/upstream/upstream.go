// Package upstream asks other caches for torrents that the store of this server lacks.
//
// [Upstreams.Fetch] asks one upstream after another. Callers that miss the same torrent at the same
// time share one search. The package remembers for a while that no upstream has a torrent. A caller
// waits no longer than [Options.Wait]; the search goes on without it. A torrent that is found goes
// to a function of the caller ([Here]), which checks and stores it like an upload: this package
// knows no policy and no store.
//
// # Trust
//
// The package trusts no name, and nothing that an upstream sends. It checks the address to which a
// name resolves when it makes the connection, and refuses every address that is not public (see
// guard). It follows a redirect only within the same host. It bounds the bytes that it reads, and
// charges them to the memory budget. Each request has the header CDN-Loop (RFC 8586), which says
// that a server of this kind sent it. Another server of this kind answers it from its own store
// alone, so that servers that ask each other in a ring never wait for themselves.
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

// Options configure [Upstreams]. All but LocalAddresses, Observe and Logger are required; Key is
// required only if a Location has a TokenFile.
type Options struct {
	// Locations are the upstreams, in the order in which they are asked.
	Locations []Location
	// MaxTorrentSize is the size of the largest torrent accepted, in bytes.
	MaxTorrentSize int64
	// Wait is how long a reader waits at most for the answer of the upstreams.
	Wait time.Duration
	// AtOnce is how many searches may ask upstreams at a time.
	AtOnce int
	// LocalAddresses allows names that resolve to addresses that are not public.
	LocalAddresses bool
	// Limits holds the memory budget of arriving torrents and the rate limit of each address.
	Limits *limit.Limits
	// Version is the program's version, for the User-Agent.
	Version string
	// Key returns a function that returns the key in the TokenFile of an upstream. That function is
	// called for each request and may return a new key.
	Key func(Location) (func() string, error)
	// Observe is called with the outcome of asking an upstream, in a word, and with the time that
	// the upstream took. Nil: nothing is called.
	Observe func(upstream, outcome string, took time.Duration)
	// Logger gets a line when an upstream stops answering and when it answers again. Nil means
	// slog.Default().
	Logger *slog.Logger
}

func (o Options) agent() string { return "torrentcache/" + o.Version }

// Here is the part of this server that a search needs. It is used until the search ends.
type Here struct {
	// Holds reports whether the store has the torrent. The torrent may have arrived after it was
	// found missing and before the search began.
	Holds func(ctx context.Context) bool
	// Keep stores a torrent that an upstream sent and that nothing has checked. Its errors are
	// those of an upload.
	Keep func(ctx context.Context, torrent []byte) error
}

// Upstreams are other caches. A nil *Upstreams has none. Upstreams are safe for concurrent use.
type Upstreams struct {
	options Options
	all     []*one
	known   *table
	turns   chan struct{} // one element for each search that asks

	ctx      context.Context // ends with Close
	end      context.CancelFunc
	searches sync.WaitGroup
	missed   map[State]*atomic.Int64 // how often Fetch answered each State; no key is ever added
}

// New returns the upstreams of o. It asks none of them yet. The error names the Location that is
// wrong, and the cause.
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

// Known returns the State of id that is remembered.
func (u *Upstreams) Known(id infohash.ID) State {
	state, _ := u.known.look(id)
	return state
}

// Forget forgets the searches and results of a torrent, because the torrent has changed here. The
// zero Set means all torrents.
func (u *Upstreams) Forget(ids infohash.Set) {
	if u != nil {
		u.known.forget(ids)
	}
}

// Fetch asks the upstreams for the torrent of id on behalf of a caller, and has here store it. It
// returns Found once the torrent is stored, and Asking if the search has not ended when the caller
// has waited as long as the options allow, or until ctx is nearly over. Callers that ask for the
// same id at the same time share one search, which uses the here of the first caller.
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

// patience returns how long the caller of ctx waits: at most nine tenths of the time that ctx
// leaves, so that its answer still comes in time.
func (u *Upstreams) patience(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return u.options.Wait
	}
	return min(u.options.Wait, time.Until(deadline)/10*9)
}

// run runs the search s for id when its turn comes. A search that has waited for its turn longer
// than readers wait is given up, because no reader waits for it any more.
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
	reserved := u.options.Limits.Reservation(from, limit.Uploading, nil)
	ctx, cancel := context.WithTimeout(limit.WithReservation(u.ctx, reserved), searchTime)
	defer cancel()
	if here.Holds(ctx) {
		state = Found
		return
	}
	state, age = u.askAll(ctx, id, reserved, here)
}

// askAll asks one upstream after another until one has the torrent. Each may take an equal share of
// the time that is left.
func (u *Upstreams) askAll(ctx context.Context, id infohash.ID, reserved *limit.Reservation, here Here) (State, time.Duration) {
	state, age := Absent, goneAge
	for i, up := range u.all {
		deadline, _ := ctx.Deadline()
		own, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(u.all)-i))
		said, lasts := up.ask(own, id, here).verdict()
		cancel()
		reserved.Release()
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

// Stats counts the requests to an upstream, and its answers, since the start.
type Stats struct {
	Name                         string
	Asked, Found, Absent, Failed int64
	Away                         bool // the upstream does not answer
}

// Stats returns the Stats of each upstream, in order.
func (u *Upstreams) Stats() []Stats {
	if u == nil {
		return nil
	}
	var all []Stats
	for _, up := range u.all {
		n := func(i int) int64 { return up.counts[i].Load() }
		all = append(all, Stats{
			Name: up.name, Asked: n(countAsked), Found: n(countFound), Absent: n(countAbsent), Failed: n(countFailed),
			Away: up.fails.Load() >= failsBefore,
		})
	}
	return all
}

// Missed returns how often Fetch has answered each State since the start. The map has every State
// that Fetch returns.
func (u *Upstreams) Missed() map[State]int64 {
	counts := map[State]int64{}
	for state, n := range u.missed {
		counts[state] = n.Load()
	}
	return counts
}
