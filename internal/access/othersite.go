package access

import "context"

// OtherSiteKey is the metadata by which a door tells that a page of another site had a browser
// send the request. Any other client that sends it only gives up rights.
const OtherSiteKey = "torrentcache-other-site"

type otherSiteKey struct{}

// WithOtherSite returns ctx for a request that a page of another site had a browser send.
func WithOtherSite(ctx context.Context) context.Context {
	return context.WithValue(ctx, otherSiteKey{}, true)
}

// IsOtherSite reports whether ctx is one of [WithOtherSite].
func IsOtherSite(ctx context.Context) bool {
	is, _ := ctx.Value(otherSiteKey{}).(bool)
	return is
}
