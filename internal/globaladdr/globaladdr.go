// Package globaladdr tells which addresses everybody reaches. Hosts that strangers name
// (upstreams, trackers, peers) must not have a program connect to its operator's own network.
//
// The package is a leaf.
package globaladdr

import "net/netip"

// special returns the networks that are not globally reachable according to the registries of
// special addresses (IANA, for RFC 6890), and those whose addresses contain other addresses.
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

// Is reports whether addr is reachable from everywhere. An IPv4 address inside of an IPv6 one
// (::ffff:192.0.2.1) counts as that IPv4 address. IPv6 addresses must be in 2000::/3 (RFC 4291,
// section 2.4) and in no special network: loopback, link-local, unique local, multicast and
// NAT64 (64:ff9b::/96) are outside of 2000::/3. It is safe for concurrent use.
func Is(addr netip.Addr) bool {
	addr = addr.Unmap()
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
