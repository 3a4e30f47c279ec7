package wanted

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/torrentcache/torrentcache/metainfo"
)

const (
	// MaxTrackers is how many trackers are kept of a torrent that is looked for.
	MaxTrackers = 10

	// maxTracker is the length of the longest address of a tracker, in bytes.
	maxTracker = 200
)

// Trackers returns the addresses to keep for a wanted torrent: the first MaxTrackers distinct
// ones that [IsTracker] accepts.
func Trackers(addresses []string) []string {
	var kept []string
	for _, address := range addresses {
		if len(kept) < MaxTrackers && IsTracker(address) && !slices.Contains(kept, address) {
			kept = append(kept, address)
		}
	}
	return kept
}

// OfMagnet returns the trackers (tr) of a magnet link to keep; none for any other text.
func OfMagnet(link string) []string {
	before, query, _ := strings.Cut(link, "?")
	if !strings.Contains(strings.ToLower(before), "magnet:") {
		return nil
	}
	// A broken escape loses only its own parameter.
	values, _ := url.ParseQuery(strings.ReplaceAll(query, "&amp;", "&"))
	all := values["tr"]
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if strings.HasPrefix(key, "tr.") {
			all = append(all, values[key]...)
		}
	}
	return Trackers(all)
}

// IsTracker reports whether address is a tracker that strangers may use: its scheme is http,
// https or udp, it has at most 200 bytes, and contains neither a password nor a presumed
// passkey, which is for one user alone.
func IsTracker(address string) bool {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxTracker || u.Hostname() == "" || u.User != nil || metainfo.IsPasskeyURL(address) {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return true
	case "udp":
		return u.Port() != ""
	}
	return false
}
