package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// made is a generated torrent.
type made struct {
	n  uint64
	id infohash.ID
}

// torrent returns the bytes of m. The sizes follow those of real torrents, with a median of 22
// KB.
func (m made) torrent() []byte {
	random := rand.New(rand.NewPCG(m.n, 7))
	return torrenttest.Random(m.n, int(min(max(22_000*math.Exp(0.87*random.NormFloat64()), 300), 2_000_000)))
}

// stock is the torrents that the server has acknowledged. Its methods are safe for concurrent
// use.
type stock struct {
	mu    sync.Mutex
	next  uint64
	there []made
	gone  map[uint64]bool // numbers of the torrents whose removal was requested
}

// fresh makes a new torrent.
func (s *stock) fresh() (made, []byte, error) {
	s.mu.Lock()
	s.next++
	m := made{n: s.next}
	s.mu.Unlock()
	torrent := m.torrent()
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		return made{}, nil, err
	}
	m.id = parsed.IDs().Primary()
	return m, torrent, nil
}

func (s *stock) add(m made) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.there = append(s.there, m)
}

// pick returns a torrent that is cached, in four of five cases one of the newest.
func (s *stock) pick() (made, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.choose()
}

// take is like pick, but for a torrent that is to be removed.
func (s *stock) take() (made, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.choose()
	if ok {
		s.gone[m.n] = true
		s.there = slices.DeleteFunc(s.there, func(other made) bool { return other.n == m.n })
	}
	return m, ok
}

// choose is pick for a caller that holds mu.
func (s *stock) choose() (made, bool) {
	n := len(s.there)
	if n == 0 {
		return made{}, false
	}
	if rand.IntN(5) > 0 {
		return s.there[n-1-rand.IntN(min(n, 500))], true
	}
	return s.there[rand.IntN(n)], true
}

// unlessGone returns err unless the removal of m explains it.
func (s *stock) unlessGone(m made, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone[m.n] {
		return nil
	}
	return err
}

// checkMissing returns an error if the server lacks a torrent whose upload it acknowledged.
func (l *load) checkMissing() error {
	var ids []infohash.ID
	for _, m := range l.there {
		ids = append(ids, m.id)
	}
	missing, err := l.cache.Missing(context.Background(), ids)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("%d of %d torrents are lost, such as %s", len(missing), len(ids), missing[0])
	}
	return err
}

// counts are the results of calls by kind. Its methods are safe for concurrent use.
type counts struct {
	counting   sync.Mutex
	done, away map[string]int
	wrong      []error
}

func (c *counts) note(kind string, err error) {
	c.counting.Lock()
	defer c.counting.Unlock()
	switch {
	case err == nil:
		c.done[kind]++
	case errors.Is(err, errAway) || client.Reason(err) == "OVERLOADED":
		c.away[kind]++
	default:
		c.wrong = append(c.wrong, fmt.Errorf("%s: %w", kind, err))
	}
}

// String returns how many calls were answered, how many a kill cut short, and how many answers
// were wrong.
func (c *counts) String() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(c.done)) {
		parts = append(parts, fmt.Sprintf("%d %s (%d more while the server was away)", c.done[kind], kind, c.away[kind]))
	}
	return strings.Join(parts, ", ") + fmt.Sprintf("; %d wrong answers", len(c.wrong))
}

// verdict returns the first wrong answers.
func (c *counts) verdict() error {
	c.counting.Lock()
	defer c.counting.Unlock()
	return errors.Join(c.wrong[:min(len(c.wrong), 10)]...)
}
