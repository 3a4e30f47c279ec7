package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/budget"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
	"github.com/torrentcache/torrentcache/store/s3store"
	"github.com/torrentcache/torrentcache/store/tiered"
	"github.com/torrentcache/torrentcache/web"
)

// storage is the store of serve, with the properties that the daemon needs.
type storage struct {
	store.Store
	name        string                    // for the announcement
	shared      bool                      // other nodes change it, too
	err         func() error              // why it cannot serve as it should; nil if it can
	refusing    func() error              // why it takes no uploads now; nil if it does
	room        func() (int64, bool)      // how many bytes uploads may still take; nil if not known
	watch       func(ctx context.Context) // reports changes of its health, until ctx ends
	maintenance admin.Maintenance         // nil if it has none
	oldestUse   func() time.Time          // of the least recently used torrent; nil if not known
	usage       server.Usage              // nil if it has none
	noteRead    func(infohash.Set)        // is called for each torrent that was read; may be nil
}

// openStorage opens the store that --store or --data-dir names.
func (d *daemon) openStorage(ctx context.Context, cfg config.Serve) (*storage, error) {
	if cfg.Store != "" {
		return d.openBucket(ctx, cfg)
	}
	return d.openDisk(ctx, cfg)
}

func (d *daemon) openDisk(ctx context.Context, cfg config.Serve) (*storage, error) {
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("--data-dir %s: %w", cfg.DataDir, err)
	}
	st, err := stores.Open(diskstore.Options{
		Dir:            dir,
		Logger:         d.logger,
		MinFreeSpace:   orNone(cfg.MinFreeSpace),
		MaxStoreSize:   int64(cfg.MaxStoreSize),
		CompactionRate: orNone(cfg.CompactionRate),
		CacheSize:      d.memory.Index,
		OnDamage:       func(infohash.Set) { d.metrics.StoreDamaged() },

		DropUnreadAfter: cfg.DropUnreadAfter,
		Evict:           cfg.Evicts(),
		DropKeyed:       cfg.EvictKeyed,
		OnDrop:          func(cause diskstore.DropCause, n int) { d.metrics.Dropped(string(cause), n) },
	})
	if err != nil {
		return nil, err
	}
	d.retention = &web.Retention{DropUnreadAfter: cfg.DropUnreadAfter, Evicts: cfg.Evicts()}
	return &storage{
		Store: st, name: dir, err: st.Err, refusing: st.Refusing, room: st.Room,
		watch: func(ctx context.Context) {
			go budget.OverlapSync(ctx, func() int64 { return contents(ctx, st) })
			d.watchDisk(ctx, st)
		},
		maintenance: maintenance{st, d.metrics.Maintenance(maintained(ctx, st)), d.logger},
		noteRead:    st.NoteRead,
		usage:       st,
		oldestUse:   st.OldestUse,
	}, nil
}

// contents returns a count that changes with each upload to st and each removal.
func contents(ctx context.Context, st store.Store) int64 {
	stats, _ := st.Stats(ctx) // an error is one of a store that is closing
	return stats.Bytes + stats.Torrents + stats.Removed
}

// orNone translates 0 to [stores.None], since 0 means the default to the store.
func orNone(size config.Size) int64 {
	if size == 0 {
		return stores.None
	}
	return int64(size)
}

// openBucket opens a store that other nodes may share. The object store's own
// tools verify and back it up, so it has no maintenance.
func (d *daemon) openBucket(ctx context.Context, cfg config.Serve) (*storage, error) {
	location, err := stores.BucketLocation(cfg.Store)
	if err != nil {
		return nil, fmt.Errorf("--store %s: %w", config.Redact(cfg.Store), err)
	}
	st, err := s3store.Open(ctx, s3store.Options{
		Location: location,
		Logger:   d.logger,
		Observe:  d.metrics.ObserveBucket,
		OnDamage: func(infohash.Set) { d.metrics.StoreDamaged() },
	})
	if err != nil {
		return nil, fmt.Errorf("--store: %w", err)
	}
	front, err := d.addLocalCache(cfg, st, location.String())
	if err != nil {
		return nil, errors.Join(err, stores.Close(st))
	}
	return &storage{
		Store: front, name: location.String(), shared: true, err: st.Err, refusing: st.Err,
		// Unlike a disk it recovers by itself.
		watch: func(ctx context.Context) {
			lifecycle.Watch(ctx, st.Err, func(cause error) {
				d.metrics.StoreTakesUploads(cause == nil)
				d.tellHealth(cause == nil)
			})
		},
	}, nil
}

// addLocalCache puts the local cache before a bucket's store, if there is to be one,
// and returns the store to use. Identity names the bucket. Errors name the flag.
func (d *daemon) addLocalCache(cfg config.Serve, bucket store.Store, identity string) (store.Store, error) {
	if cfg.LocalCacheDir == "" {
		return bucket, nil
	}
	dir, err := filepath.Abs(cfg.LocalCacheDir)
	if err != nil {
		return nil, fmt.Errorf("--local-cache-dir %s: %w", cfg.LocalCacheDir, err)
	}
	st, err := tiered.Open(tiered.Options{
		Remote:   bucket,
		Identity: identity,
		Dir:      dir,
		Size:     int64(cfg.LocalCacheSize),
		MaxStale: cfg.MaxStale,
		Logger:   d.logger,
	})
	if err != nil {
		return nil, fmt.Errorf("--local-cache-dir %s: %w", cfg.LocalCacheDir, err)
	}
	d.metrics.WatchLocalCache(func(ctx context.Context) telemetry.LocalCacheStats {
		return telemetry.LocalCacheStats(st.CacheStats(ctx))
	})
	return st, nil
}

// tellHealth tells gRPC clients whether the server can serve. Once the server
// drains, they are always told that it cannot.
func (d *daemon) tellHealth(serving bool) {
	status := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if serving {
		status = grpc_health_v1.HealthCheckResponse_SERVING
	}
	for _, service := range d.services {
		d.health.SetServingStatus(service, status)
	}
}

// taking is whether a store on disk takes uploads.
type taking int

const (
	uploadsTaken   taking = iota
	uploadsRefused        // for now: there is no room, or the index cannot be written
	uploadsEnded          // until the store is opened again
)

// watchDisk reports each time when st stops or begins to take uploads, until ctx ends.
func (d *daemon) watchDisk(ctx context.Context, st *diskstore.Store) {
	var cause error
	lifecycle.WatchState(ctx, func() taking {
		if cause = st.Err(); cause != nil {
			return uploadsEnded
		}
		if cause = st.Refusing(); cause != nil {
			return uploadsRefused
		}
		return uploadsTaken
	}, func(now taking) { d.uploadsAre(now, cause) })
}

// uploadsAre reports a change to the state now. When the store takes no more changes until it is
// opened again, gateways and balancers that ask for the gRPC health go elsewhere; reads go on.
// They stay with a server whose disk is full: it serves reads as well as any.
func (d *daemon) uploadsAre(now taking, cause error) {
	d.metrics.StoreTakesUploads(now == uploadsTaken)
	switch now {
	case uploadsTaken:
		d.logger.Info("uploads are taken again")
	case uploadsRefused:
		d.logger.Error("uploads are refused for now; downloads go on", "cause", cause)
	case uploadsEnded:
		d.metrics.StoreFailed()
		d.health.Shutdown()
		d.logger.Error("the store takes no more changes; start the server again", "cause", cause)
	}
}

// uploadNote returns the operator's note at /readyz: why uploads are refused, "" if they are not.
func (st *storage) uploadNote() string {
	if err := st.refusing(); err != nil {
		return fmt.Sprintf("uploads are refused: %v", err)
	}
	return ""
}
