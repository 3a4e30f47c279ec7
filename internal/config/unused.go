package config

import (
	"fmt"

	"github.com/spf13/pflag"
)

// refuseUnused refuses settings that the chosen store has no use for: who gave one
// believes that it is in force.
func (s *Serve) refuseUnused() error {
	if len(s.Mirrors.Mirrors) == 0 {
		if err := s.refuse("needs --mirror-of: without it no server is followed", "mirror-ranks", "mirror-removals", "mirror-rate"); err != nil {
			return err
		}
	}
	if s.VerifyEvery == 0 {
		if err := s.refuse("needs --verify-every: torrentcache verify has its own --rate", "verify-rate"); err != nil {
			return err
		}
	}
	if len(s.Upstreams.Upstreams) == 0 {
		if err := s.refuse("needs --upstream: without it no other cache is asked", "upstream-wait", "upstream-fetches", "upstream-rate", "upstream-local-addresses"); err != nil {
			return err
		}
	}
	if s.Store == "" {
		return s.refuse("is for --store s3://...: a store on a disk needs none",
			"local-cache-dir", "local-cache-size", "local-cache-max-stale")
	}
	if s.LocalCacheDir == "" {
		if err := s.refuse("needs --local-cache-dir: without it nothing is kept on the local disk", "local-cache-size"); err != nil {
			return err
		}
	}
	return s.refuse("is for a store on a disk (--data-dir): a bucket has none of it",
		"min-free-space", "max-store-size", "drop-unread-after", "when-full", "evict-keyed", "compaction-rate", "index-cache-size")
}

// refuse returns an error that says why if one of the flags was given.
func (s *Serve) refuse(why string, names ...string) error {
	for _, name := range names {
		if given(s.flags.Lookup(name)) {
			return fmt.Errorf("--%s %s", name, why)
		}
	}
	return nil
}

// given reports whether somebody chose the value of a flag. A file of settings may
// have been written by `torrentcache config`, which lists those that nobody chose, too.
func given(f *pflag.Flag) bool {
	_, inFile := f.Annotations[fileKey]
	return f.Changed && (!inFile || f.Value.String() != f.DefValue)
}
