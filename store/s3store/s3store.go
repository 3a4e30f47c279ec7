package s3store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
)

const (
	// callRequests is how many requests of full length one call may take.
	callRequests = 3

	// maxPuts is how many torrents are written at a time. Puts whose object is written and that
	// only wait for the feed do not count.
	maxPuts = 128

	// maxChanges is how many torrents are removed or restored at a time. Each takes up to five
	// sequential requests. With a higher limit a slow engine would exceed the time of a call,
	// and uploads must go on beside a long list of removals.
	maxChanges = 32
)

// Store is a [store.Store] in a bucket. It is safe for concurrent use.
type Store struct {
	bucket   *bucket.Bucket
	location Location
	logger   *slog.Logger
	clock    func() time.Time
	onDamage func(infohash.Set)
	poll     time.Duration
	callTime time.Duration // bounds one call of the store, repetitions included
	epoch    uint64
	node     string // names this node among those of the bucket

	feed         *feed
	announcer    *announcer
	sessions     *sessions
	damaged      damaged
	doubts       doubts
	putPlaces    chan struct{}         // semaphore of puts whose object is not written yet
	changePlaces chan struct{}         // semaphore of changes whose object is not written yet
	underWay     atomic.Int64          // puts and changes in progress, including those that wait for the feed
	health       atomic.Pointer[error] // why the bucket takes no writes; nil if it takes them

	mu      sync.RWMutex
	closed  bool
	running sync.WaitGroup // calls and their background work
	loops   sync.WaitGroup
	stop    context.CancelFunc // ends the loops
}

// Open opens the store in an existing bucket and creates the objects it needs there. It fails if
// the bucket cannot be reached, or if the endpoint ignores If-None-Match and would overwrite an
// object. Before it returns, it spends up to five seconds announcing in the feed the removals of
// nodes that died before they could.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	b, err := bucket.New(o.forBucket())
	if err != nil {
		return nil, err
	}
	s := &Store{
		bucket: b, location: o.Location, logger: o.Logger, clock: o.Clock, onDamage: o.OnDamage,
		poll: o.Poll, callTime: callRequests * o.RequestTimeout,
		feed: newFeed(b, o.Logger), sessions: newSessions(), putPlaces: make(chan struct{}, maxPuts),
		changePlaces: make(chan struct{}, maxChanges),
	}
	s.announcer = newAnnouncer(s.feed, func() int { return int(s.underWay.Load()) })
	s.node = hex.EncodeToString(s.sessions.current.id[:])
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Location, err)
	}
	long, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.loops.Go(func() { s.announcer.run(long) })
	s.announceFirst(ctx)
	s.loops.Go(func() { s.follow(long) })
	s.loops.Go(func() { s.resolveDoubts(long) })
	s.loops.Go(func() { s.announceUnannounced(long) })
	s.loops.Go(func() { s.maintain(long) })
	s.loops.Go(func() { s.watchHealth(long) })
	return s, nil
}

// prepare tests the endpoint and reads the epoch and the head of the feed.
func (s *Store) prepare(ctx context.Context) error {
	if err := s.bucket.Probe(ctx); err != nil {
		return err
	}
	if !s.Conditional() {
		s.logger.Warn("the endpoint ignores If-Match: replacing, healing and removing at two nodes in the same moment may lose one of the changes", "store", s.location)
	}
	var err error
	if s.epoch, err = epochOf(ctx, s.bucket); err != nil {
		return err
	}
	return s.feed.seek(ctx)
}

// Conditional reports whether the endpoint honours If-Match. If not, a replacement, healing,
// removal or restoration may overwrite a concurrent change of the same torrent by another node.
func (s *Store) Conditional() bool { return s.bucket.Conditional() }

// Close implements [store.Store].
func (s *Store) Close() error {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if already {
		return nil
	}
	s.running.Wait()
	s.stop()
	s.loops.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), s.callTime)
	defer cancel()
	s.settleSessions(ctx, true)
	_ = s.bucket.Remove(ctx, "probe/"+s.node) // on failure a few bytes stay
	return nil
}

// enter begins a call. Unless it returns an error, the caller must call leave.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.ErrUnavailable
	}
	s.running.Add(1)
	return nil
}

func (s *Store) leave() { s.running.Done() }

// detach runs a part of a call in the background. That part outlives ctx, for at most the time
// of a call. The caller has entered.
func (s *Store) detach(ctx context.Context, run func(ctx context.Context)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.callTime)
	s.running.Go(func() {
		defer cancel()
		run(ctx)
	})
}

// failed returns the error that a caller with ctx gets for err.
func (s *Store) failed(ctx context.Context, err error) error {
	refused, isRefused := errors.AsType[*bucket.AllocError](err)
	switch {
	case isRefused:
		return refused.Cause
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, bucket.ErrLost), errors.Is(err, bucket.ErrAbsent):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Second) }

// each calls run with 0 to n-1, at most limit at a time, and waits for all of them.
func each(n, limit int, run func(i int)) {
	if n == 1 {
		run(0)
		return
	}
	var group sync.WaitGroup
	places := make(chan struct{}, limit)
	for i := range n {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			run(i)
		})
	}
	group.Wait()
}
