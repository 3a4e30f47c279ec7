package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
)

// Mirrors are the servers that this one follows, and how its store is checked.
type Mirrors struct {
	Mirrors        Addresses
	MirrorRanks    string // fetched or keep
	MirrorRemovals string // hide, follow or ignore
	MirrorRate     Size   // bytes a second; 0: no bound

	VerifyEvery time.Duration // 0: never
	VerifyRate  Size          // bytes a second
}

// minVerifyEvery keeps the disk from being read all the time.
const minVerifyEvery = time.Hour

// addMirrors binds the settings to flags and sets their defaults.
func (m *Mirrors) addMirrors(flags *pflag.FlagSet) {
	flags.Var(&m.Mirrors, "mirror-of", "follow another server and keep here what it has: the `address` of its gRPC, grpc://HOST:PORT or grpcs://HOST:PORT; files for it in its query: token-file (a key with the role sync), ca, cert, cert-key; several with commas or by several flags")
	choiceVar(flags, &m.MirrorRanks, "mirror-ranks", "what mirrored torrents count for: fetched, so that any upload here outranks them, or keep for what they count for there", "fetched", "keep")
	choiceVar(flags, &m.MirrorRemovals, "mirror-removals", "removals there: hide here at once and erase after a week, follow as if removed here, or ignore; more than 1 % of all torrents in an hour stop the mirror", "hide", "follow", "ignore")
	flags.Var(&m.MirrorRate, "mirror-rate", "most bytes of torrents a second to read from each; 0 is no bound")
}

// addVerify binds the settings of the verification to flags and sets their defaults.
func (m *Mirrors) addVerify(flags *pflag.FlagSet) {
	DurationVar(flags, &m.VerifyEvery, "verify-every", 0, "read and check the whole store so often in the background, such as 30d, and fetch from mirrors and upstreams what is damaged; 0 is never")
	m.VerifyRate = 20_000_000
	flags.Var(&m.VerifyRate, "verify-rate", "most bytes a second that --verify-every reads; 0 is no bound")
}

// validateMirrors reports the first setting of Mirrors that cannot be, by its flag.
func (s *Serve) validateMirrors() error {
	switch {
	case s.Store != "" && len(s.Mirrors.Mirrors) > 0:
		return errors.New("--mirror-of is for a store on a disk (--data-dir): copy a bucket by the object store's own replication")
	case s.Store != "" && s.VerifyEvery > 0:
		return errors.New("--verify-every is for a store on a disk (--data-dir): what is in a bucket is checked when it is read")
	case s.VerifyEvery < 0 || s.VerifyEvery > 0 && s.VerifyEvery < minVerifyEvery:
		return fmt.Errorf("--verify-every %s: want %s or more, or 0", s.VerifyEvery, minVerifyEvery)
	}
	return nil
}
