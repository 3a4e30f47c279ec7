package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Upstreams are the other caches that are asked for what is missing here.
type Upstreams struct {
	Upstreams              Addresses // in the order in which they are asked
	UpstreamWait           time.Duration
	UpstreamFetches        int
	UpstreamLocalAddresses bool
}

// addUpstreams binds the settings to flags and sets their defaults.
func (s *Serve) addUpstreams(flags *pflag.FlagSet) {
	flags.Var(&s.Upstreams.Upstreams, "upstream", "ask another cache for torrents that are missing here: an `address` such as https://HOST/torrent/{HASH}.torrent ({hash} is in lower case), grpc://HOST:PORT or grpcs://HOST:PORT; files for it in its query: token-file, ca, cert, cert-key; several with commas or by several flags, asked in order")
	DurationVar(flags, &s.UpstreamWait, "upstream-wait", 3*time.Second, "how long a reader waits for the upstreams before the answer is that the torrent is not here; they are asked for up to 15s")
	flags.IntVar(&s.UpstreamFetches, "upstream-fetches", 16, "most torrents that upstreams are asked for at a time")
	flags.Float64Var(&s.UpstreamRate, "upstream-rate", 1, "most torrents a second that upstreams are asked for on behalf of one address, 20 seconds' worth at once")
	flags.BoolVar(&s.UpstreamLocalAddresses, "upstream-local-addresses", false, "let the names of upstreams lead to loopback, private and other addresses that are not public; one that stands in --upstream itself always may")
}

// validate reports the first setting that cannot be, by its flag.
func (u *Upstreams) validate() error {
	switch {
	case u.UpstreamWait <= 0 || u.UpstreamWait > 15*time.Second:
		return fmt.Errorf("--upstream-wait %s: want more than zero and at most 15s", u.UpstreamWait)
	case u.UpstreamFetches < 1 || u.UpstreamFetches > 1000:
		return fmt.Errorf("--upstream-fetches %d: want 1 to 1000", u.UpstreamFetches)
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
	if text == "" {
		return nil
	}
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			return errors.New("want addresses, with commas between; a comma in one of them is %2C")
		}
		if !slices.Contains(*a, item) {
			*a = append(*a, item)
		}
	}
	return nil
}

// Type names the value in the help.
func (a *Addresses) Type() string { return "addresses" }
