package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/migrate"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
	"github.com/torrentcache/torrentcache/store/s3store"
)

// openStoreAt opens the store that a flag names: disk:DIR or s3://.... A folder that is
// to be read must be there.
func openStoreAt(ctx context.Context, flag, name string, toRead bool, log io.Writer) (store.Store, error) {
	if dir, ok := strings.CutPrefix(name, "disk:"); ok {
		if toRead {
			return stores.OpenFolder(dir, stores.FolderLogger(log))
		}
		return stores.Open(diskstore.Options{Dir: dir, Logger: stores.FolderLogger(log)})
	}
	location, err := stores.BucketLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, config.Redact(name), err)
	}
	st, err := s3store.Open(ctx, s3store.Options{Location: location, Logger: stores.FolderLogger(log)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return st, nil
}

// migrateRun is one run of migrate.
type migrateRun struct {
	begin  time.Time
	before int64 // changes done by runs before
	total  atomic.Int64
	done   migrate.Counts
}

// measure asks how much there is to do, which grows while the source serves. If it
// cannot be told, what was last told stands.
func (r *migrateRun) measure(ctx context.Context, from migrateSource) {
	if stats, err := from.Stats(ctx); err == nil {
		r.total.Store(stats.Torrents + stats.Removed)
	}
}

func (r *migrateRun) counts() progress.Counts {
	return progress.Counts{
		Files:      r.before + r.done.Changes.Load(),
		TotalFiles: r.total.Load(),
		Bytes:      r.done.Bytes.Load(),
		Refused:    r.done.Refused.Load(),
	}
}

// conclude tells what was done and returns the command's error.
func (r *migrateRun) conclude(ctx context.Context, failed error, out facts) error {
	report := fmt.Sprintf("%s, %s stored (%s), %s, in %s", progress.Count(r.done.Changes.Load(), "change"),
		progress.Count(r.done.Torrents.Load(), "torrent"), progress.Bytes(r.done.Bytes.Load()),
		progress.Count(r.done.Removals.Load(), "removal"), elapsed(r.begin))
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
	return errors.Join(failed, out.tell(migrateFact{
		Changes: r.done.Changes.Load(), Torrents: r.done.Torrents.Load(), Bytes: r.done.Bytes.Load(),
		Removals: r.done.Removals.Load(), LeftOut: refused, Seconds: time.Since(r.begin).Seconds(), Complete: complete,
	}, text))
}

type migrateFact struct {
	Changes  int64   `json:"changes"`
	Torrents int64   `json:"torrents"`
	Bytes    int64   `json:"torrent_bytes"`
	Removals int64   `json:"removals"`
	LeftOut  int64   `json:"left_out"`
	Seconds  float64 `json:"seconds"`
	Complete bool    `json:"complete"`
}
