package limit

import (
	"net/netip"
	"time"

	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Caller is who wants something.
type Caller struct {
	Addr netip.Addr // the client's; [origin.Unknown] counts as one address
	Name string     // by which the caller is known; "" for who is anonymous
}

// block is under what the books have the caller's address.
func (c Caller) block() netip.Prefix { return origin.Block(c.Addr) }

// soon is when to try again what may be free at any moment.
const soon = 5 * time.Second

func busy(format string, args ...any) *reason.Error {
	return reason.New(reason.Overloaded, format, args...).After(soon)
}

func tooMany(after time.Duration, format string, args ...any) *reason.Error {
	return reason.New(reason.RateLimited, format, args...).After(after)
}
