// Package reach makes the connections to addresses that strangers name: peers, trackers, what
// trackers redirect to. It is the one place that decides which of them are connected to, and how
// often.
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

// ErrAddress refuses to connect to an address.
var ErrAddress = errors.New("the address is not a public one: --local-peers allows it")

// Rule says which addresses are connected to: public ones, or with Local all.
type Rule struct{ Local bool }

// Allows reports whether addr is connected to. It is safe for concurrent use.
func (r Rule) Allows(addr netip.Addr) bool { return r.Local || globaladdr.Is(addr) }

const (
	// DialsPerSecond bounds the connections that are begun.
	DialsPerSecond = 50

	// dialTime is how long a connection may take to come about.
	dialTime = 5 * time.Second
)

// Dialer connects by a Rule, DialsPerSecond times a second. It is safe for concurrent use.
type Dialer struct {
	rule  Rule
	turns *rate.Limiter
	net   net.Dialer
}

// NewDialer returns a Dialer.
func NewDialer(r Rule) *Dialer {
	d := &Dialer{rule: r, turns: rate.NewLimiter(DialsPerSecond, DialsPerSecond)}
	d.net = net.Dialer{Timeout: dialTime, ControlContext: d.control}
	return d
}

// paid is the context key of whether a dial has had its turn.
type paid struct{}

// DialContext connects to an address when it is its turn, as net.Dialer does. Of a name's
// addresses each one that is tried has a turn of its own. It returns ErrAddress where the rule
// does not allow the address.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := d.turns.Wait(ctx); err != nil {
		return nil, err
	}
	first := new(atomic.Bool)
	first.Store(true)
	return d.net.DialContext(context.WithValue(ctx, paid{}, first), network, address)
}

// control is asked when the address is known for good: names may say one thing when they are
// looked up first, and another the next time.
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
