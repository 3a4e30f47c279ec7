package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/tiered"
)

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
