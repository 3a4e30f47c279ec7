package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
)

// LocalCache is the cache on the local disk before a bucket.
type LocalCache struct {
	LocalCacheDir  string // empty: there is none
	LocalCacheSize Size
	MaxStale       time.Duration
}

// minLocalCache is the smallest cache that is of use, in bytes.
const minLocalCache = 64 << 20

// AddFlags binds the settings to flags and sets their defaults.
func (l *LocalCache) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&l.LocalCacheDir, "local-cache-dir", "", "with --store s3://...: keep copies of read torrents in this `folder` of a local disk; it may be lost at any time (default: nowhere)")
	l.LocalCacheSize = 10 << 30
	flags.Var(&l.LocalCacheSize, "local-cache-size", "disk space that --local-cache-dir may take")
	DurationVar(flags, &l.MaxStale, "local-cache-max-stale", time.Minute, "with --store s3://...: how long copies, in memory and in --local-cache-dir, answer reads while the bucket cannot be reached; for this long a node that is cut off may serve torrents removed elsewhere")
}

// Validate reports the first wrong setting, by its flag.
func (l *LocalCache) Validate() error {
	switch {
	case l.MaxStale < 0:
		return fmt.Errorf("--local-cache-max-stale %s: want zero or more", l.MaxStale)
	case l.LocalCacheDir == "":
		return nil
	case l.LocalCacheSize < minLocalCache:
		return fmt.Errorf("--local-cache-size %s: want at least %s", l.LocalCacheSize, Size(minLocalCache))
	}
	return nil
}

// Retention says which torrents a store on a disk drops by itself.
type Retention struct {
	DropUnreadAfter time.Duration // 0: never
	WhenFull        string        // reject or evict
	EvictKeyed      bool
}

// Bounds of the settings: a torrent that was used within a week is not dropped.
const (
	minUnread   = 7 * day
	minEvicting = 64 << 20 // of --max-store-size
)

const evict = "evict"

func (r *Retention) addFlags(flags *pflag.FlagSet) {
	DurationVar(flags, &r.DropUnreadAfter, "drop-unread-after", 0, "drop torrents that nobody downloaded or uploaded for this long, at least 7d, except those uploaded with a key; dropped torrents may be uploaded again; 0 is never")
	choiceVar(flags, &r.WhenFull, "when-full", "what happens at --max-store-size: reject refuses the upload, evict drops the torrents that were not downloaded or uploaded for the longest time, at least a week", "reject", evict)
	flags.BoolVar(&r.EvictKeyed, "evict-keyed", false, "let --drop-unread-after and --when-full evict also drop torrents that were uploaded with a key")
}

// Evicts reports whether a full store drops the least recently used torrents.
func (r *Retention) Evicts() bool { return r.WhenFull == evict }

// validate reports the first wrong setting. maxAge is how long browsers and proxies keep a
// download; meanwhile the server does not hear of the reads that they answer.
func (r *Retention) validate(maxStoreSize Size, maxAge time.Duration) error {
	period := duration(r.DropUnreadAfter)
	longest := duration(r.DropUnreadAfter / 4)
	switch {
	case r.DropUnreadAfter != 0 && r.DropUnreadAfter < minUnread:
		return fmt.Errorf("--drop-unread-after %s: want at least 7d, or 0 for never", &period)
	case r.DropUnreadAfter != 0 && maxAge > r.DropUnreadAfter/4:
		kept := duration(maxAge)
		return fmt.Errorf("--download-max-age %s with --drop-unread-after %s: want at most %s, a quarter of it: the server does not hear of the downloads that browsers and proxies answer themselves", &kept, &period, &longest)
	case r.Evicts() && maxStoreSize < minEvicting:
		return fmt.Errorf("--when-full evict needs --max-store-size, at least %s: it makes room below that alone, not on a disk that is full", Size(minEvicting))
	case r.EvictKeyed && r.DropUnreadAfter == 0 && !r.Evicts():
		return errors.New("--evict-keyed needs --drop-unread-after or --when-full evict")
	}
	return nil
}
