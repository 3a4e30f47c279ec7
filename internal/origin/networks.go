package origin

import (
	"fmt"
	"net/netip"
	"strings"
)

// none is the text of an empty list, because an empty environment variable counts as unset.
const none = "none"

// Networks is a set of IP networks. Its text form is a comma-separated list of CIDR networks and
// single addresses, or none. Its pointer is a pflag.Value.
type Networks []netip.Prefix

// ParseNetworks reads the text form.
func ParseNetworks(text string) (Networks, error) {
	if text == none || text == "" {
		return nil, nil
	}
	var list Networks
	for item := range strings.SplitSeq(text, ",") {
		network, err := parseNetwork(strings.TrimSpace(item))
		if err != nil {
			return nil, err
		}
		list = append(list, network)
	}
	return list, nil
}

// parseNetwork parses a network. It refuses host bits, which are probably a mistake.
func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil, network.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is no network: want a list such as 10.0.0.0/8,2001:db8::/32,192.0.2.7", text)
	case network != network.Masked():
		return netip.Prefix{}, fmt.Errorf("%q names an address within a network: want %s, or the address alone", text, network.Masked())
	}
	return network, nil
}

// Contains reports whether addr is in one of the networks. [Unknown] is in none.
func (n Networks) Contains(addr netip.Addr) bool {
	for _, network := range n {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// Set reads the text form.
func (n *Networks) Set(text string) error {
	list, err := ParseNetworks(text)
	if err == nil {
		*n = list
	}
	return err
}

// String returns the text form.
func (n Networks) String() string {
	if len(n) == 0 {
		return none
	}
	texts := make([]string, len(n))
	for i, network := range n {
		texts[i] = network.String()
	}
	return strings.Join(texts, ",")
}

// Type names the kind of value in the help.
func (*Networks) Type() string { return "networks" }
