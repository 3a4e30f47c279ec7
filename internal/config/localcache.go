package config

import (
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
	flags.StringVar(&l.LocalCacheDir, "local-cache-dir", "", "with --store s3://...: keep what is read in this `folder` of a local disk; it may be lost at any time (default: nowhere)")
	l.LocalCacheSize = 10 << 30
	flags.Var(&l.LocalCacheSize, "local-cache-size", "disk space that --local-cache-dir may take")
	DurationVar(flags, &l.MaxStale, "local-cache-max-stale", time.Minute, "with --store s3://...: how long copies, in memory and in --local-cache-dir, answer reads while the bucket cannot be reached: so long a node that is cut off may serve what was removed elsewhere")
}

// Validate reports the first setting that cannot be, by its flag.
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
