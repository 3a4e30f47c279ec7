package origin

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"
)

// LoopHeader is the header, and in lower case the gRPC metadata, in which caches that ask
// others name themselves (RFC 8586), and LoopMark is the name of every server of this kind.
const (
	LoopHeader = "CDN-Loop"
	LoopMark   = "torrentcache"
)

// Looped reports whether a request with these values of [LoopHeader] comes from a server of this
// kind, whatever other names the header has.
func Looped(values []string) bool {
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			id, _, _ := strings.Cut(item, ";") // RFC 8586, section 2: parameters follow the name
			if strings.EqualFold(strings.Trim(id, " \t"), LoopMark) {
				return true
			}
		}
	}
	return false
}

// uncountedKey is the gRPC metadata of a call that fetches a torrent without using it, such as
// for a HEAD. It grants nothing, so anybody may send it.
const uncountedKey = "torrentcache-uncounted"

// Uncounted returns a context whose outgoing calls do not count as reads of a torrent. A server
// with --drop-unread-after or --when-full evict drops torrents without reads in time.
func Uncounted(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, uncountedKey, "1")
}

// IsUncounted reports whether a call does not count as a read of a torrent, because it says so
// or because another cache makes it (see [Looped]). It looks at the incoming metadata of ctx for
// a served call, and at the outgoing metadata for a call being made.
func IsUncounted(ctx context.Context) bool {
	if len(metadata.ValueFromIncomingContext(ctx, uncountedKey)) > 0 || Looped(metadata.ValueFromIncomingContext(ctx, LoopHeader)) {
		return true
	}
	made, _ := metadata.FromOutgoingContext(ctx)
	return len(made.Get(uncountedKey)) > 0 || Looped(made.Get(LoopHeader))
}
