package callers

import (
	"context"
	"crypto/sha256"
	"fmt"

	"google.golang.org/grpc/metadata"

	"github.com/torrentcache/torrentcache/internal/access"
)

// caller tells one caller from another: the SHA-256 of the credentials that go with its calls.
type caller [sha256.Size]byte

// callerOf returns the caller of a call with ctx, which is the same at every address if anywhere.
func callerOf(ctx context.Context, anywhere bool) (who caller) {
	shown, _ := metadata.FromOutgoingContext(ctx)
	hash := sha256.New()
	for _, name := range []string{"authorization", access.OtherSiteKey, "x-forwarded-for"} {
		if name == "x-forwarded-for" && anywhere {
			continue
		}
		fmt.Fprintf(hash, "%s%q", name, shown.Get(name)) // a hash takes everything
	}
	hash.Sum(who[:0])
	return who
}
