package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
	"github.com/torrentcache/torrentcache/store/s3store"
	"github.com/torrentcache/torrentcache/store/tiered"
	"github.com/torrentcache/torrentcache/web"
)

// storage is the store that serve serves, and what the house must know of it.
type storage struct {
	store.Store
	name        string                    // for the announcement
	shared      bool                      // other nodes change it, too
	err         func() error              // why it cannot serve as it should; nil if it can
	refusing    func() error              // why it takes no uploads now; nil if it does
	room        func() (int64, bool)      // how many bytes uploads may still take; nil if nobody knows
	watch       func(ctx context.Context) // tells who asks for the health, until ctx ends
	maintenance server.Maintenance        // nil if it has none
	oldestUse   func() time.Time          // when the torrent was last used that was used longest ago; nil if nobody knows
	usage       server.Usage              // nil if it has none
	noteRead    func(infohash.Set)        // is told of each torrent that somebody read; nil if nobody wants to know
}

// openStorage opens what --store or --data-dir says.
func (h *house) openStorage(ctx context.Context, cfg config.Serve) (*storage, error) {
	if cfg.Store != "" {
		return h.openBucket(ctx, cfg)
	}
	return h.openDisk(ctx, cfg)
}

func (h *house) openDisk(ctx context.Context, cfg config.Serve) (*storage, error) {
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("--data-dir %s: %w", cfg.DataDir, err)
	}
	st, err := openStore(diskstore.Options{
		Dir:            dir,
		Logger:         h.logger,
		MinFreeSpace:   orNone(cfg.MinFreeSpace),
		MaxStoreSize:   int64(cfg.MaxStoreSize),
		CompactionRate: orNone(cfg.CompactionRate),
		CacheSize:      h.memory.Index,
		OnDamage:       func(infohash.Set) { h.metrics.StoreDamaged() },

		DropUnreadAfter: cfg.DropUnreadAfter,
		Evict:           cfg.Evicts(),
		DropKeyed:       cfg.EvictKeyed,
		OnDrop:          func(cause diskstore.DropCause, n int) { h.metrics.Dropped(string(cause), n) },
	})
	if err != nil {
		return nil, err
	}
	h.retention = &web.Retention{DropUnreadAfter: cfg.DropUnreadAfter, Evicts: cfg.Evicts()}
	h.metrics.WatchMaintenance(maintained(ctx, st))
	return &storage{
		Store: st, name: dir, err: st.Err, refusing: st.Refusing, room: st.Room,
		watch:       func(ctx context.Context) { h.watchDisk(ctx, st) },
		maintenance: maintenance{st, h.metrics, h.logger},
		noteRead:    st.NoteRead,
		usage:       st,
		oldestUse:   st.OldestUse,
	}, nil
}

// orNone translates 0 for the store, where it means the default.
func orNone(size config.Size) int64 {
	if size == 0 {
		return none
	}
	return int64(size)
}

// bucketLocation reads where a bucket is; the region may be in the usual variables.
func bucketLocation(text string) (s3store.Location, error) {
	location, err := s3store.ParseLocation(text)
	location.Region = cmp.Or(location.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	return location, err
}

// openBucket opens a store that other nodes may share. The object store's own
// tools verify and back it up, so it has no maintenance.
func (h *house) openBucket(ctx context.Context, cfg config.Serve) (*storage, error) {
	location, err := bucketLocation(cfg.Store)
	if err != nil {
		return nil, fmt.Errorf("--store %s: %w", config.Redact(cfg.Store), err)
	}
	st, err := s3store.Open(ctx, s3store.Options{
		Location: location,
		Logger:   h.logger,
		Observe:  h.metrics.ObserveBucket,
		OnDamage: func(infohash.Set) { h.metrics.StoreDamaged() },
	})
	if err != nil {
		return nil, fmt.Errorf("--store: %w", err)
	}
	front, err := h.addLocalCache(cfg, st, location.String())
	if err != nil {
		return nil, errors.Join(err, closing(st))
	}
	return &storage{
		Store: front, name: location.String(), shared: true, err: st.Err, refusing: st.Err,
		// Unlike a disk it recovers by itself.
		watch: func(ctx context.Context) {
			lifecycle.Watch(ctx, st.Err, func(cause error) {
				h.metrics.StoreTakesUploads(cause == nil)
				h.tellHealth(cause == nil)
			})
		},
	}, nil
}

// addLocalCache puts the local cache before a bucket's store, if there is to be one,
// and returns the store to use. Identity names the bucket. Errors name the flag.
func (h *house) addLocalCache(cfg config.Serve, bucket store.Store, identity string) (store.Store, error) {
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
		Logger:   h.logger,
	})
	if err != nil {
		return nil, fmt.Errorf("--local-cache-dir %s: %w", cfg.LocalCacheDir, err)
	}
	h.metrics.WatchLocalCache(func(ctx context.Context) telemetry.LocalCacheStats {
		s := st.CacheStats(ctx)
		return telemetry.LocalCacheStats{Hits: s.Hits, Stale: s.Stale, Misses: s.Misses, Torrents: s.Torrents, Bytes: s.Bytes, Usable: s.Usable}
	})
	return st, nil
}

// tellHealth tells gRPC clients whether the server can serve. Once it drains it
// says no, whatever comes.
func (h *house) tellHealth(serving bool) {
	status := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if serving {
		status = grpc_health_v1.HealthCheckResponse_SERVING
	}
	for _, service := range h.services {
		h.health.SetServingStatus(service, status)
	}
}
