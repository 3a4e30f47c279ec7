package upstream

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
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
	case g.local || addr == g.literal || isPublic(addr):
		return nil
	}
	return errAddress
}

// isNear reports whether addr is a loopback or a private address (RFC 1918, RFC 4193).
func isNear(addr netip.Addr) bool { return addr.IsLoopback() || addr.IsPrivate() }

// special are the networks that are not globally reachable by the registries of special
// addresses (IANA, for RFC 6890), and those whose addresses stand for others inside.
func special() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// isPublic reports whether addr, which is no IPv4 address inside of an IPv6 one, is one that
// everybody reaches. Of IPv6 that is 2000::/3 (RFC 4291, section 2.4) without the special ones:
// loopback, link-local, unique local, multicast and NAT64 (64:ff9b::/96) are outside of it.
func isPublic(addr netip.Addr) bool {
	if addr.Zone() != "" || addr.Is6() && !netip.MustParsePrefix("2000::/3").Contains(addr) {
		return false
	}
	for _, network := range special() {
		if network.Contains(addr) {
			return false
		}
	}
	return addr.IsValid()
}
