//go:build e2e

package histories

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"
)

// load is the load that clients put on servers.
type load struct {
	servers []*server
	seed    uint64
	made    int64 // number of torrents so far
	pause   time.Duration
}

// workers is how many clients there are, and torrents how many torrents they change at a time.
const workers, torrents = 8, 3

// newLoad returns the load of a test, and logs its seed.
func newLoad(t *testing.T, servers []*server, pause time.Duration) *load {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return &load{servers: servers, seed: seed, pause: pause}
}

// lasting returns how long a test may run: short, or the value of TORRENTCACHE_TEST_HISTORIES.
func lasting(t *testing.T, short time.Duration) time.Duration {
	t.Helper()
	long := os.Getenv("TORRENTCACHE_TEST_HISTORIES")
	if long == "" {
		return short
	}
	d, err := time.ParseDuration(long)
	if err != nil {
		t.Fatalf("TORRENTCACHE_TEST_HISTORIES: want a duration such as 2h: %v", err)
	}
	return d
}

// round makes concurrent calls about new torrents while faults runs. It checks the torrents'
// histories when all calls are answered.
func (l *load) round(t *testing.T, faults func()) {
	t.Helper()
	recorders := make([]*recorder, torrents)
	for i := range recorders {
		recorders[i] = &recorder{torrent: newTorrent(t, l.made), start: time.Now()}
		l.made++
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range workers {
		random := rand.New(rand.NewPCG(l.seed, uint64(l.made)<<8+uint64(i)))
		running.Go(func() {
			s := l.servers[i%len(l.servers)]
			for ctx.Err() == nil {
				s.step(recorders[random.IntN(torrents)], random)
				time.Sleep(time.Duration(random.Int64N(int64(2*l.pause) + 1))) // the rate of calls
			}
		})
	}
	faults()
	stop()
	running.Wait()
	calls, untold := 0, 0
	for _, r := range recorders {
		r.check(t)
		calls += len(r.events)
		for _, e := range r.events {
			if e.effect == unknown {
				untold++
			}
		}
	}
	t.Logf("%d calls, %d writes without an answer", calls, untold)
	if calls < torrents*workers {
		t.Errorf("only %d calls have an answer: the load did not work", calls)
	}
}

// step makes one call to s about the torrent of r.
func (s *server) step(r *recorder, random *rand.Rand) {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	id := random.IntN(len(r.torrent.hashes))
	hash := r.torrent.hashes[id]
	c := call{id: id}
	switch n := random.IntN(100); {
	case n < 45 || s.readOnly || s.client.cache == nil && n < 60:
		door := pick(random, readsOverHTTP, readsOverGRPC, s)
		c.kind, c.where = get, s.http+" by "+door.name
		r.record(c, s.late, func() reply { return door.get(s.client, ctx, r.torrent, hash) })
	case n < 78 || s.client.cache == nil:
		door := pick(random, overHTTP, overGRPC, s)
		c.kind, c.variant, c.rank, c.where = put, 1+random.IntN(variants), int(door.rank), s.http+" by "+door.name
		r.record(c, lateness{}, func() reply { return door.send(s.client, ctx, r.torrent.files[c.variant-1]) })
	case n < 84:
		c.kind, c.where = missing, s.grpc
		r.record(c, lateness{}, func() reply { return s.client.missing(ctx, hash) })
	case n < 92:
		c.kind, c.where = remove, s.admin
		r.record(c, lateness{}, func() reply { return s.client.remove(ctx, hash) })
	default:
		c.kind, c.where = restore, s.admin
		r.record(c, lateness{}, func() reply { return s.client.restore(ctx, hash) })
	}
}

// pick returns one of the doors that s has.
func pick[D any](random *rand.Rand, overHTTP, overGRPC []D, s *server) D {
	n := len(overHTTP)
	if s.client.cache != nil {
		n += len(overGRPC)
	}
	if i := random.IntN(n); i >= len(overHTTP) {
		return overGRPC[i-len(overHTTP)]
	} else {
		return overHTTP[i]
	}
}
