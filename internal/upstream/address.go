package upstream

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/torrentcache/torrentcache/internal/globaladdr"
)

// errAddress refuses to connect to an address.
var errAddress = errors.New("the address is not a public one: --upstream-local-addresses allows it")

// guard decides which addresses are connected to. It is asked when an address is known for
// good: names may say one thing when they are looked up first, and another the next time.
type guard struct {
	literal netip.Addr // that the operator wrote down and means; the zero Addr if that is a name
	local   bool       // all addresses are allowed
	near    bool       // none but loopback and private ones are: a key is shown without TLS
}

// dialer returns what connects to the addresses that g allows.
func (g guard) dialer() *net.Dialer {
	return &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return g.check(at.Addr())
	}}
}

func (g guard) check(addr netip.Addr) error {
	addr = addr.Unmap()
	switch {
	case g.near && !isNear(addr):
		return errKeyInClear
	case g.local || addr == g.literal || globaladdr.Is(addr):
		return nil
	}
	return errAddress
}

// isNear reports whether addr is a loopback or a private address (RFC 1918, RFC 4193).
func isNear(addr netip.Addr) bool { return addr.IsLoopback() || addr.IsPrivate() }
