package origin

import (
	"context"

	"google.golang.org/grpc/metadata"
)

// uncountedKey is the gRPC metadata of a call that gets a torrent which nobody wants: of a
// HEAD. It says nothing else, so that anybody may send it.
const uncountedKey = "torrentcache-uncounted"

// Uncounted returns a context whose outgoing calls are no reads of a torrent: what nobody
// reads is dropped in time where the server has --drop-unread-after or --when-full evict.
func Uncounted(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, uncountedKey, "1")
}

// IsUncounted reports whether a call that is served, by the incoming metadata of ctx, or made,
// by the outgoing, is no read of a torrent: it says so, or another cache makes it (see
// [Looped]).
func IsUncounted(ctx context.Context) bool {
	if len(metadata.ValueFromIncomingContext(ctx, uncountedKey)) > 0 || Looped(metadata.ValueFromIncomingContext(ctx, LoopHeader)) {
		return true
	}
	made, _ := metadata.FromOutgoingContext(ctx)
	return len(made.Get(uncountedKey)) > 0 || Looped(made.Get(LoopHeader))
}
