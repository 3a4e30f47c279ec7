// Package swarm looks for torrents whose info hash alone is known. It asks the DHT and trackers
// for peers, gets the info dictionary from a peer, and makes a torrent of it.
//
// A v2 torrent lacks its piece layers, which are not part of the info dictionary.
package swarm

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/resolver/internal/peer"
	"github.com/torrentcache/torrentcache/resolver/internal/reach"
)

const (
	// jobTime is the time limit of a search.
	jobTime = 60 * time.Second

	// peerTime is the time limit of an exchange with one peer.
	peerTime = 40 * time.Second

	// atOnce is how many peers of one torrent are asked at a time.
	atOnce = 8

	// maxPeers is how many peers of one torrent are asked in all.
	maxPeers = 400

	// metadataMemory bounds the metadata that all searches together hold, in bytes. It does not
	// count the torrents made of the metadata, nor their copies on the way to the server.
	metadataMemory = 64 << 20
)

// Errors of [Finder.Find].
var (
	ErrNotFound = errors.New("no peer was found that has it")
	ErrInvalid  = errors.New("its info hash names data that is no torrent")
)

// Trackers ask trackers for peers; see [tracker.Client].
type Trackers interface {
	Peers(ctx context.Context, address string, swarm infohash.ID) ([]netip.AddrPort, error)
}

// DHT asks the DHT for peers; see [dhtnode.Node].
type DHT interface {
	Peers(ctx context.Context, swarm infohash.ID, found func(netip.AddrPort)) error
}

// Options configure a [Finder]. All but DHT and Always are required.
type Options struct {
	Dialer   *reach.Dialer
	Trackers Trackers
	// Always are trackers that are asked for every torrent. They do not become part of any.
	Always []string
	DHT    DHT // nil if the DHT is not to be asked
	// MaxTorrentSize is the maximum size of a torrent in bytes.
	MaxTorrentSize int64
}

// Finder looks for torrents. It is safe for concurrent use.
type Finder struct {
	options Options
	memory  *semaphore.Weighted
	stats   struct{ asked, wrong atomic.Int64 }
}

// New returns a Finder.
func New(o Options) *Finder {
	return &Finder{options: o, memory: semaphore.NewWeighted(max(metadataMemory, o.MaxTorrentSize))}
}

// Stats returns how many peers were asked, and how many of them sent metadata with another hash.
func (f *Finder) Stats() (asked, wrong int64) { return f.stats.asked.Load(), f.stats.wrong.Load() }

// Find looks for a torrent for a minute at most. Unless there is an error, the caller must call
// free when it no longer needs the torrent. The error wraps ErrNotFound or ErrInvalid, or is the
// error of ctx.
func (f *Finder) Find(ctx context.Context, job Job) (torrent []byte, free func(), err error) {
	within, cancel := context.WithTimeout(ctx, jobTime)
	defer cancel()
	s := &search{Finder: f, job: job, end: cancel, targets: make(chan target, maxPeers), known: map[target]bool{}}
	var working sync.WaitGroup
	working.Go(func() {
		s.ask(within)
		close(s.targets)
	})
	for range atOnce {
		working.Go(func() { s.work(within) })
	}
	working.Wait()
	switch {
	case s.torrent != nil:
		return s.torrent, s.free, nil
	case s.failed != nil:
		return nil, nil, s.failed
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	}
	if s.last != nil {
		return nil, nil, fmt.Errorf("%w; of %d peers that were named the last one says: %w", ErrNotFound, len(s.known), s.last)
	}
	return nil, nil, ErrNotFound
}

// target is a peer to ask.
type target struct {
	swarm   infohash.ID
	address string // HOST:PORT
}

// search is the search for one torrent.
type search struct {
	*Finder
	job     Job
	end     context.CancelFunc // ends the search
	targets chan target        // has room for maxPeers, so that add never blocks

	mu      sync.Mutex
	known   map[target]bool // guarded by mu, as all below
	torrent []byte          // nil until found
	free    func()
	failed  error // why metadata with the right hash is no valid torrent; else nil
	last    error // the last error of a peer or a tracker; nil if there was none
}

// add queues a peer, unless it is known already or maxPeers peers are known.
func (s *search) add(swarm infohash.ID, address string) {
	t := target{swarm, address}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) < maxPeers && !s.known[t] {
		s.known[t] = true
		s.targets <- t
	}
}

// ask asks every source of peers, and returns when all have answered.
func (s *search) ask(ctx context.Context) {
	var asking sync.WaitGroup
	for _, swarm := range s.job.swarms() {
		for _, address := range s.job.Peers {
			s.add(swarm, address)
		}
		for _, address := range append(append([]string(nil), s.job.Trackers...), s.options.Always...) {
			asking.Go(func() {
				peers, err := s.options.Trackers.Peers(ctx, address, swarm)
				s.fault(err) // a tracker that fails is no reason to stop
				for _, p := range peers {
					s.add(swarm, p.String())
				}
			})
		}
		if s.options.DHT != nil {
			asking.Go(func() { s.askDHT(ctx, swarm) })
		}
	}
	asking.Wait()
}

// askDHT asks the DHT, and asks once more if it returned no peers. A first search that starts
// from few nodes, or loses packets, may not come near enough to the id.
func (s *search) askDHT(ctx context.Context, swarm infohash.ID) {
	found := false
	for try := 0; try < 2 && !found && ctx.Err() == nil; try++ {
		_ = s.options.DHT.Peers(ctx, swarm, func(p netip.AddrPort) {
			found = true
			s.add(swarm, p.String())
		})
	}
}

// work asks peers until there are no more, or the search has ended.
func (s *search) work(ctx context.Context) {
	for t := range s.targets {
		if ctx.Err() == nil {
			s.fault(s.try(ctx, t)) // the next one may be better
		}
	}
}

// fault records the error of a peer or a tracker.
func (s *search) fault(err error) {
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = err
	}
}

// try asks one peer for the metadata.
func (s *search) try(ctx context.Context, t target) error {
	ctx, cancel := context.WithTimeout(ctx, peerTime)
	defer cancel()
	conn, err := s.options.Dialer.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	s.stats.asked.Add(1)
	around := int64(len(s.job.torrent(nil)))
	info, free, err := peer.Fetch(ctx, conn, t.swarm, peer.Options{MaxSize: s.options.MaxTorrentSize - around, Memory: s.memory})
	if err != nil {
		return err
	}
	if !s.job.isOf(info) {
		free()
		s.stats.wrong.Add(1)
		return fmt.Errorf("%s sends data with another info hash", t.address)
	}
	s.found(s.job.torrent(info), free)
	return nil
}

// found ends the search with a torrent that has the right info hash.
func (s *search) found(torrent []byte, free func()) {
	_, err := metainfo.Parse(torrent)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.torrent != nil:
		free()
	case err != nil:
		free()
		s.failed = fmt.Errorf("%w: %w", ErrInvalid, err)
	default:
		s.torrent, s.free = torrent, free
	}
	s.end()
}
