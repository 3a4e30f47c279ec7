package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Upstreams are the other caches that are asked for torrents that are missing here.
type Upstreams struct {
	Upstreams              Addresses // in the order in which they are asked
	UpstreamWait           time.Duration
	UpstreamFetches        int
	UpstreamLocalAddresses bool
	MaxWanted              int // info hashes that readers miss; 0: none are kept
}

// addUpstreams binds the settings to flags and sets their defaults.
func (s *Serve) addUpstreams(flags *pflag.FlagSet) {
	flags.Var(&s.Upstreams.Upstreams, "upstream", "ask another cache for torrents that are missing here: an `address` such as https://HOST/torrent/{HASH}.torrent ({hash} is in lower case), grpc://HOST:PORT or grpcs://HOST:PORT; files for it in its query: token-file, ca, cert, cert-key; several with commas or by several flags, asked in order")
	DurationVar(flags, &s.UpstreamWait, "upstream-wait", 3*time.Second, "how long a reader waits for the upstreams before the server answers that the torrent is missing; the search goes on for up to 15s")
	flags.IntVar(&s.UpstreamFetches, "upstream-fetches", 16, "maximum torrents to ask the upstreams for at a time")
	flags.Float64Var(&s.UpstreamRate, "upstream-rate", 1, "maximum torrents a second to ask the upstreams for on behalf of one address, 20 seconds' worth at once")
	flags.BoolVar(&s.UpstreamLocalAddresses, "upstream-local-addresses", false, "let host names of upstreams resolve to loopback, private and other addresses that are not public; such an address in --upstream itself is always allowed")
	flags.IntVar(&s.MaxWanted, "max-wanted", 0, "keep this many info hashes that readers miss, in memory, for a torrentcache-resolver that looks for the torrents; 0 keeps none")
}

// validate reports the first wrong setting, by its flag.
func (u *Upstreams) validate() error {
	switch {
	case u.UpstreamWait <= 0 || u.UpstreamWait > 15*time.Second:
		return fmt.Errorf("--upstream-wait %s: want more than zero and at most 15s", u.UpstreamWait)
	case u.UpstreamFetches < 1 || u.UpstreamFetches > 1000:
		return fmt.Errorf("--upstream-fetches %d: want 1 to 1000", u.UpstreamFetches)
	case u.MaxWanted < 0 || u.MaxWanted > 100_000:
		return fmt.Errorf("--max-wanted %d: want 0 to 100000", u.MaxWanted)
	}
	return nil
}

// Addresses are addresses of servers, as the value of a flag that may be given several times,
// each time with commas between addresses.
type Addresses []string

// String returns the addresses with commas between.
func (a *Addresses) String() string { return strings.Join(*a, ",") }

// Redacted returns the addresses as [Redact] shows each.
func (a *Addresses) Redacted() string {
	shown := make([]string, len(*a))
	for i, text := range *a {
		shown[i] = Redact(text)
	}
	return strings.Join(shown, ",")
}

// Set adds addresses; one that is there already is not added again, and an empty text adds none.
func (a *Addresses) Set(text string) error {
	return addEach((*[]string)(a), text, orError("want addresses, with commas between; a comma in one of them is %2C"))
}

// Type names the value in the help.
func (a *Addresses) Type() string { return "addresses" }

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
	flags.Var(&m.Mirrors, "mirror-of", "follow another server and keep its torrents here: the `address` of its gRPC, grpc://HOST:PORT or grpcs://HOST:PORT; files for it in its query: token-file (a key with the role sync), ca, cert, cert-key; several with commas or by several flags")
	choiceVar(flags, &m.MirrorRanks, "mirror-ranks", "rank of mirrored torrents: fetched, so that any upload here outranks them, or keep for their rank at the source", "fetched", "keep")
	choiceVar(flags, &m.MirrorRemovals, "mirror-removals", "removals at the source: hide here at once and erase after a week, follow as if removed here, or ignore; more than 1 % of all torrents in an hour stop the mirror", "hide", "follow", "ignore")
	flags.Var(&m.MirrorRate, "mirror-rate", "maximum bytes of torrents a second to read from each; 0 is no limit")
}

// addVerify binds the settings of the verification to flags and sets their defaults.
func (m *Mirrors) addVerify(flags *pflag.FlagSet) {
	DurationVar(flags, &m.VerifyEvery, "verify-every", 0, "how often to read and check the whole store in the background, such as 30d, and fetch damaged torrents from mirrors and upstreams; 0 is never")
	m.VerifyRate = 20_000_000
	flags.Var(&m.VerifyRate, "verify-rate", "maximum bytes a second that --verify-every reads; 0 is no limit")
}

// validateMirrors reports the first wrong setting of Mirrors, by its flag.
func (s *Serve) validateMirrors() error {
	switch {
	case s.Store != "" && len(s.Mirrors.Mirrors) > 0:
		return errors.New("--mirror-of is for a store on a disk (--data-dir): copy a bucket by the object store's own replication")
	case s.Store != "" && s.VerifyEvery > 0:
		return errors.New("--verify-every is for a store on a disk (--data-dir): torrents in a bucket are checked when they are read")
	case s.VerifyEvery < 0 || s.VerifyEvery > 0 && s.VerifyEvery < minVerifyEvery:
		return fmt.Errorf("--verify-every %s: want %s or more, or 0", s.VerifyEvery, minVerifyEvery)
	}
	return nil
}
