package diskstore

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
)

// VerifyOptions configure [Store.Verify]. The zero value checks everything at full speed.
type VerifyOptions struct {
	// BytesPerSecond limits the rate of reading torrents. 0 means no limit.
	BytesPerSecond int64
	// Check is called for every torrent with intact checksums; an error makes the torrent count
	// as damaged. Nil means that intact checksums are enough.
	Check func(store.Torrent) error
	// GiveUp marks unreadable torrents as damaged, so that Has says no: for a disk that will
	// never read them again. A later Verify that can read them removes the marks. Missing files
	// are given up, too, and are not reported any more.
	GiveUp bool
	// Progress is called about once a second, and at the end, from the goroutine that called
	// Verify. Nil means that nothing is called.
	Progress func(VerifyProgress)
}

// VerifyProgress is the progress of a [Store.Verify].
type VerifyProgress struct {
	Checked int64         // torrents
	Total   int64         // torrents, as far as known at the start
	Bytes   int64         // read
	Damaged []infohash.ID // found since the last progress, by their primary ids
	// Unreadable are the torrents, by primary id, whose bytes could not be read since the last
	// progress. A failed read proves nothing about a torrent.
	Unreadable []infohash.ID
	Cleared    int64 // wrong marks of damage that were removed, in total
}

// VerifyReport is the result of a [Store.Verify].
type VerifyReport struct {
	Checked int64         // torrents
	Bytes   int64         // read
	Damaged []infohash.ID // all torrents that Get refuses as damaged, by primary id
	// Unreadable are the torrents whose bytes could not be read, by primary id.
	Unreadable []infohash.ID
	Cleared    int64 // wrong marks of damage that were removed
}

// Verify reads every torrent that is not removed, and marks the damaged ones, so that Has says
// no and the next upload heals them. It removes the mark from torrents that are intact. It works
// on a store in use, and reads segment by segment. It may leave out torrents that are put
// meanwhile. It reports unreadable torrents and goes on. If it ends early, the error says why,
// and the report covers the part done.
func (s *Store) Verify(ctx context.Context, o VerifyOptions) (VerifyReport, error) {
	if err := s.enter(ctx); err != nil {
		return VerifyReport{}, err
	}
	defer s.leave()
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	v := &verification{
		store: s, options: o, pace: wait.NewPace(o.BytesPerSecond), total: s.committer.Stats().Torrents, told: time.Now(),
		moves: commit.NewMoves(),
	}
	err := v.run(ctx)
	v.tell()
	return v.report, err
}
