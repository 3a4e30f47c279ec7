// Package reach connects to addresses that strangers name: peers, trackers, and the targets of
// trackers' redirects. It alone decides which of them the resolver connects to, and how often.
package reach

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/torrentcache/torrentcache/internal/globaladdr"
)

// ErrAddress says that the rule does not allow an address.
var ErrAddress = errors.New("the address is not a public one: --local-peers allows it")

// Rule selects the addresses to connect to: public ones, or all of them if Local is set.
type Rule struct{ Local bool }

// Allows reports whether the rule allows addr. It is safe for concurrent use.
func (r Rule) Allows(addr netip.Addr) bool { return r.Local || globaladdr.Is(addr) }

const (
	// DialsPerSecond bounds the connection attempts.
	DialsPerSecond = 50

	// dialTime is the timeout of a connection attempt.
	dialTime = 5 * time.Second
)

// Dialer connects to the addresses that its Rule allows, at most DialsPerSecond times a second.
// It is safe for concurrent use.
type Dialer struct {
	rule  Rule
	turns *rate.Limiter
	net   net.Dialer
}

// NewDialer returns a Dialer that follows r.
func NewDialer(r Rule) *Dialer {
	d := &Dialer{rule: r, turns: rate.NewLimiter(DialsPerSecond, DialsPerSecond)}
	d.net = net.Dialer{Timeout: dialTime, ControlContext: d.control}
	return d
}

// paid is the context key of a flag: the next address of this dial has had its turn already.
type paid struct{}

// DialContext waits for its turn and then connects to an address, as net.Dialer does. If a name
// has several addresses, each attempt waits for a turn of its own. It returns ErrAddress if the
// rule does not allow the address.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := d.turns.Wait(ctx); err != nil {
		return nil, err
	}
	first := new(atomic.Bool)
	first.Store(true)
	return d.net.DialContext(context.WithValue(ctx, paid{}, first), network, address)
}

// control checks the address that the socket will really connect to. Checking a name earlier
// would not do, because its next lookup may give another address.
func (d *Dialer) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !d.rule.Allows(at.Addr()) {
		return ErrAddress
	}
	if first, ok := ctx.Value(paid{}).(*atomic.Bool); ok && first.CompareAndSwap(true, false) {
		return nil
	}
	return d.turns.Wait(ctx)
}
