package diskstore

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
)

// VerifyOptions say how [Store.Verify] goes about it. The zero value checks
// everything as fast as it can.
type VerifyOptions struct {
	// BytesPerSecond bounds how fast torrents are read. 0 means no bound.
	BytesPerSecond int64
	// Check is asked about every torrent whose checksums are right; an error
	// makes it count as damaged. Nil means that checksums are enough.
	Check func(store.Torrent) error
	// GiveUp marks what cannot be read as if it were damaged, so that Has says no: for
	// a disk that will never read it again. A later Verify that can read it takes the
	// mark away. Files that are missing are not looked for any more.
	GiveUp bool
	// Progress is told about once a second, and at the end, from the goroutine
	// that called Verify. Nil means nobody is.
	Progress func(VerifyProgress)
}

// VerifyProgress is how far a [Store.Verify] has come.
type VerifyProgress struct {
	Checked int64         // torrents
	Total   int64         // torrents, as far as known at the start
	Bytes   int64         // read
	Damaged []infohash.ID // found since the last progress, by their primary ids
	// Unreadable are those whose bytes could not be read, which proves nothing about
	// them, found since the last progress, by their primary ids.
	Unreadable []infohash.ID
	Cleared    int64 // marks of damage that were wrong and are gone, in all
}

// VerifyReport is what a [Store.Verify] found.
type VerifyReport struct {
	Checked int64         // torrents
	Bytes   int64         // read
	Damaged []infohash.ID // all that Get refuses as damaged, by their primary ids
	// Unreadable are those whose bytes could not be read, by their primary ids.
	Unreadable []infohash.ID
	Cleared    int64 // marks of damage that were wrong and are gone
}

// Verify reads every torrent that is not removed and marks those that are damaged, so that Has says
// no and the next upload heals them. From those that are marked and are not damaged it
// takes the mark. It is meant for a store in use, and reads
// segment by segment. What is put meanwhile may be left out. What cannot be read is
// reported, and ends nothing. If it ends early
// its error says why, and the report tells what it found until then.
func (s *Store) Verify(ctx context.Context, o VerifyOptions) (VerifyReport, error) {
	if err := s.enter(ctx); err != nil {
		return VerifyReport{}, err
	}
	defer s.leave()
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	v := &verification{
		store: s, options: o, pace: newPace(o.BytesPerSecond), total: s.committer.Stats().Torrents, told: time.Now(),
		moves: commit.NewMoves(),
	}
	err := v.run(ctx)
	v.tell()
	return v.report, err
}
