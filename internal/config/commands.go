package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Serve is the settings of `torrentcache serve`.
type Serve struct {
	Doors
	Access
	LocalCache
	Mirrors
	Upstreams
	Retention
	GRPCAddr       string // HOST:PORT, or [Off]
	GRPCTLS        string // on or [Off]
	Store          string // disk:DIR or s3://BUCKET/PREFIX?...; empty for DataDir
	DataDir        string // empty if Store is in a bucket
	MinFreeSpace   Size
	MaxStoreSize   Size   // 0: no bound but the disk
	CompactionRate Size   // bytes a second; 0: never compact in the background
	IndexCacheSize Size   // memory for the store's index
	Private        string // accept or reject
	Passkeys       string // accept or reject
	AuditLog       string // file name; empty: the log

	flags *pflag.FlagSet // tells which settings were given
}

// minIndexCache is the smallest useful cache of the index, in bytes.
const minIndexCache = 1 << 20

const defaultDataDir = "./torrentcache-data"

// The prefixes of Store.
const (
	diskStore   = "disk:"
	bucketStore = "s3://"
)

// AddFlags binds the settings to flags and sets their defaults.
func (s *Serve) AddFlags(flags *pflag.FlagSet) {
	s.flags = flags
	addSection(flags, addressSection, s.addAddresses)
	addSection(flags, "Store", s.addStore)
	addSection(flags, "Access", s.addAccess)
	addSection(flags, torrentSection, func(flags *pflag.FlagSet) {
		choiceVar(flags, &s.Private, "private", "accept or reject torrents with private=1, which carry their owner's passkey in the tracker URL", "accept", "reject")
		choiceVar(flags, &s.Passkeys, "passkeys", "accept or reject torrents with an announce URL that holds a passkey, also those that are not marked private (docs/metainfo.md has the pattern)", "accept", "reject")
	})
	s.Doors.AddFlags(flags)
	addSection(flags, limitSection, s.Limits.addCalls)
	addSection(flags, "Other caches", s.addUpstreams)
	addSection(flags, "Other caches", s.addMirrors)
	addSection(flags, tlsSection, func(flags *pflag.FlagSet) {
		choiceVar(flags, &s.GRPCTLS, "grpc-tls", "gRPC over TLS, with the certificate of --tls-cert or --acme: on or off", Off, "on")
	})
}

func (s *Serve) addAddresses(flags *pflag.FlagSet) {
	flags.StringVar(&s.GRPCAddr, "grpc-addr", "127.0.0.1:9090", "`address` to listen on for gRPC (host:port, :port or off)")
}

func (s *Serve) addStore(flags *pflag.FlagSet) {
	flags.StringVar(&s.DataDir, "data-dir", defaultDataDir, "`folder` of the torrents, created if missing")
	flags.StringVar(&s.Store, "store", "", "where to store torrents: disk:DIR, or s3://BUCKET/PREFIX with ?endpoint=URL&region=NAME for a bucket that several nodes may share (default disk: and --data-dir)")
	s.LocalCache.AddFlags(flags)
	s.MinFreeSpace = 128 << 20
	flags.Var(&s.MinFreeSpace, "min-free-space", "refuse uploads while the disk has less free than this")
	flags.Var(&s.MaxStoreSize, "max-store-size", "refuse uploads that would make the data folder larger than this; 0 is no limit but the disk")
	s.Retention.addFlags(flags)
	s.CompactionRate = 16 << 20
	flags.Var(&s.CompactionRate, "compaction-rate", "maximum bytes a second to read and write to reclaim the space of removed torrents; 0 does not reclaim it")
	s.IndexCacheSize = 64 << 20
	flags.Var(&s.IndexCacheSize, "index-cache-size", "memory for the store's index, whatever the number of torrents")
	s.addVerify(flags)
}

func (s *Serve) addAccess(flags *pflag.FlagSet) {
	s.Access.AddFlags(flags)
	flags.StringVar(&s.AuditLog, "audit-log", "", "`file` to which a line of JSON is written before each removal, restoration, backup and drain; reopened on SIGHUP (default: lines of the log)")
}

// Validate reports the first wrong setting, by its flag.
func (s *Serve) Validate() error {
	if err := firstOf(s.chooseStore(), s.refuseUnused(), s.validateMirrors()); err != nil {
		return err
	}
	if s.IndexCacheSize < minIndexCache {
		return fmt.Errorf("--index-cache-size %s: want at least %s", s.IndexCacheSize, Size(minIndexCache))
	}
	return firstOf(s.Doors.Validate(), s.Access.Validate(), s.LocalCache.Validate(), s.Upstreams.validate(),
		s.Retention.validate(s.MaxStoreSize, s.DownloadMaxAge),
		address("grpc-addr", s.GRPCAddr), clash(append(s.listeners(), listener{"grpc-addr", s.GRPCAddr})...), s.validateTLS())
}

// validateTLS refuses a certificate that no listener would use, and TLS without a certificate.
func (s *Serve) validateTLS() error {
	switch {
	case s.GRPCTLS == "on" && !s.TLS.hasCertificate():
		return errors.New("--grpc-tls on needs --tls-cert and --tls-key, or --acme on")
	case s.TLS.hasCertificate() && s.HTTPSAddr == Off && s.GRPCTLS == Off:
		return errors.New("--tls-cert, --tls-key and --acme need --https-addr or --grpc-tls on")
	}
	return nil
}

// chooseStore sets DataDir from Store.
func (s *Serve) chooseStore() error {
	switch {
	case s.Store != "" && s.DataDir != "" && s.flags.Changed("data-dir"):
		return errors.New("--store and --data-dir: want one of them; --data-dir DIR is --store disk:DIR")
	case strings.HasPrefix(s.Store, bucketStore):
		s.DataDir = ""
		return nil
	case strings.HasPrefix(s.Store, diskStore):
		if s.DataDir = strings.TrimPrefix(s.Store, diskStore); s.DataDir == "" {
			return fmt.Errorf("--store %s: want %sDIR", diskStore, diskStore)
		}
		s.Store = ""
	case s.Store != "":
		return fmt.Errorf("--store %q: want disk:DIR or s3://BUCKET/PREFIX?endpoint=URL&region=NAME", Redact(s.Store))
	}
	if s.DataDir == "" {
		return errors.New("--data-dir is empty: want a folder")
	}
	return nil
}

// refuseUnused refuses settings that would have no effect: their users believe that they have one.
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

// refuse returns an error with the text why if one of the flags was given.
func (s *Serve) refuse(why string, names ...string) error {
	for _, name := range names {
		if given(s.flags.Lookup(name)) {
			return fmt.Errorf("--%s %s", name, why)
		}
	}
	return nil
}

// given reports whether the user chose the value of a flag. A settings file may have been written
// by `torrentcache config`, which also lists the defaults.
func given(f *pflag.Flag) bool {
	_, inFile := f.Annotations[fileKey]
	return f.Changed && (!inFile || f.Value.String() != f.DefValue)
}
