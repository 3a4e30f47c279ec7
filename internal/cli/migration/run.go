package migration

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/migrate"
	"github.com/torrentcache/torrentcache/internal/progress"
)

// run is one run of migrate.
type run struct {
	begin  time.Time
	before int64 // changes that earlier runs moved
	total  atomic.Int64
	done   migrate.Counts
}

// measure asks the source for the number of torrents and removals to move, which grows while the
// source serves. If the source does not answer, the last count stays.
func (r *run) measure(ctx context.Context, from source) {
	if stats, err := from.Stats(ctx); err == nil {
		r.total.Store(stats.Torrents + stats.Removed)
	}
}

func (r *run) counts() progress.Counts {
	return progress.Counts{
		Files:      r.before + r.done.Changes.Load(),
		TotalFiles: r.total.Load(),
		Bytes:      r.done.Bytes.Load(),
		Refused:    r.done.Refused.Load(),
	}
}

// conclude prints the counts of moved torrents, and returns the command's error.
func (r *run) conclude(ctx context.Context, failed error, out cli.Facts) error {
	report := fmt.Sprintf("%s, %s stored (%s), %s, in %s", progress.Count(r.done.Changes.Load(), "change"),
		progress.Count(r.done.Torrents.Load(), "torrent"), progress.Bytes(r.done.Bytes.Load()),
		progress.Count(r.done.Removals.Load(), "removal"), progress.Elapsed(r.begin))
	refused, complete, text := r.done.Refused.Load(), failed == nil, ""
	switch {
	case failed != nil && ctx.Err() != nil:
		failed = fmt.Errorf("interrupted after %s; the same command goes on from here", report)
	case failed != nil:
		failed = fmt.Errorf("after %s: %w", report, failed)
	case refused > 0:
		failed = fmt.Errorf("%s; left out: %s", report, progress.Count(refused, "torrent"))
	default:
		text = report + "\n"
	}
	return errors.Join(failed, out.Print(fact{
		Changes: r.done.Changes.Load(), Torrents: r.done.Torrents.Load(), Bytes: r.done.Bytes.Load(),
		Removals: r.done.Removals.Load(), LeftOut: refused, Seconds: time.Since(r.begin).Seconds(), Complete: complete,
	}, text))
}

type fact struct {
	Changes  int64   `json:"changes"`
	Torrents int64   `json:"torrents"`
	Bytes    int64   `json:"torrent_bytes"`
	Removals int64   `json:"removals"`
	LeftOut  int64   `json:"left_out"`
	Seconds  float64 `json:"seconds"`
	Complete bool    `json:"complete"`
}
