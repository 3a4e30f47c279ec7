package diskstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"sort"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// class is what a torrent counts for when something has to go: what nobody gave us goes
// first, what a writer with a key gave us last.
type class uint8

const (
	fetched class = iota
	anonymous
	keyed
	classes
)

func classOf(rank store.Rank) class {
	switch {
	case rank >= store.RankKeyed:
		return keyed
	case rank >= store.RankAnonymous:
		return anonymous
	}
	return fetched
}

// lastUse is a torrent of the index and when it was last used. A torrent that was put on
// the day of its last read, or later, has that put as its last use.
type lastUse struct {
	entry *entry
	read  uint32 // the last day on which it was read, as far as that is known
}

// eachUse calls visit for every torrent that can be read, in the order of their primary ids.
// It reads the whole index: days of access and entries have the same order. What changes
// meanwhile it may or may not see.
func (s *Store) eachUse(ctx context.Context, visit func(u lastUse) error) error {
	read, err := s.index.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyAccess, 0}, UpperBound: []byte{keyAccess + 1}})
	if err != nil {
		return s.index.health.readFailed(err)
	}
	floor := s.accesses.last(infohash.ID{})
	there, n := read.First(), 0
	err = s.index.each(keyID, func(key, value []byte) error {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e, err := parseEntry(value)
		if err != nil || !e.visible() || !isPrimary(key[1:], e) {
			return err
		}
		for there && bytes.Compare(read.Key()[1:], key[1:]) < 0 {
			there = read.Next()
		}
		u := lastUse{entry: e, read: floor}
		if there && bytes.Equal(read.Key()[1:], key[1:]) && len(read.Value()) == 4 {
			u.read = max(u.read, binary.LittleEndian.Uint32(read.Value()))
		}
		return visit(u)
	})
	if failed := read.Error(); failed != nil {
		err = errors.Join(err, s.index.health.readFailed(failed))
	}
	return errors.Join(err, read.Close())
}

// isPrimary reports whether the bytes of an id are those of the primary one of e.
func isPrimary(id []byte, e *entry) bool {
	var b [infohash.SizeV2]byte
	return bytes.Equal(id, e.ids.Primary().AppendTo(b[:0]))
}

// putBefore returns the highest sequence of which the feed says that it was given out before
// a day: a put with a higher one was made on that day or later, unless the clock was set
// back meanwhile.
func (s *Store) putBefore(day uint32) (uint64, error) {
	end := s.committer.stats().sequence
	var failed error
	n := sort.Search(int(min(end, math.MaxInt)), func(i int) bool {
		at, err := s.index.firstAfter(uint64(i))
		if err != nil {
			failed = err
		}
		return failed != nil || at.IsZero() || dayOf(at) >= day
	})
	return uint64(n), failed
}

// firstAfter returns the time of the first change with a sequence above after; the zero
// time if there is none.
func (x *index) firstAfter(after uint64) (time.Time, error) {
	changes, _, err := x.changes(after, 1)
	if err != nil || len(changes) == 0 {
		return time.Time{}, err
	}
	return changes[0].Time, nil
}

// cutoff returns the last day that ended so long ago.
func (s *Store) cutoff(age time.Duration) uint32 {
	return max(dayOf(s.options.Clock().Add(-age)), 1) - 1
}
