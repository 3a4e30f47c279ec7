package store

import "context"

// copyingKey is the context key of reads that make copies.
type copyingKey struct{}

// Copying returns a context for reads that no user asked for: a mirror copies the torrents,
// or they are checked. A bounded cache does not keep a torrent because of them.
func Copying(ctx context.Context) context.Context {
	return context.WithValue(ctx, copyingKey{}, true)
}

// IsCopying reports whether ctx is one of [Copying].
func IsCopying(ctx context.Context) bool {
	copying, _ := ctx.Value(copyingKey{}).(bool)
	return copying
}
