package limit

import (
	"net/netip"
	"time"

	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Caller is a client as the limits know it.
type Caller struct {
	Addr netip.Addr // the client's; [origin.Unknown] counts as one address
	Name string     // that its key gives it; "" for an anonymous caller
}

// block returns the network under which the books have the caller's address.
func (c Caller) block() netip.Prefix { return origin.Block(c.Addr) }

// soon is after what time to try again for something that may be free at any moment.
const soon = 5 * time.Second

func busy(format string, args ...any) *reason.Error {
	return reason.New(reason.Overloaded, format, args...).After(soon)
}

func tooMany(after time.Duration, format string, args ...any) *reason.Error {
	return reason.New(reason.RateLimited, format, args...).After(after)
}
