package upstream

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestGuard(t *testing.T) {
	none, literal := guard{}, netip.MustParseAddr("10.0.0.7")
	for text, want := range map[string]error{
		"93.184.216.34": nil, "8.8.8.8": nil, "2606:4700::1111": nil, "::ffff:8.8.8.8": nil,
		"127.0.0.1": errAddress, "127.8.9.1": errAddress, "::1": errAddress, "0.0.0.0": errAddress, "::": errAddress,
		"10.0.0.7": errAddress, "172.16.0.1": errAddress, "172.31.255.255": errAddress, "192.168.1.1": errAddress,
		"169.254.169.254": errAddress, "fe80::1": errAddress, "fe80::1%eth0": errAddress, "100.64.0.1": errAddress, "100.127.255.255": errAddress,
		"fc00::1": errAddress, "fd00:ec2::254": errAddress, "fec0::1": errAddress, "ff02::1": errAddress, "224.0.0.1": errAddress, "255.255.255.255": errAddress,
		"::ffff:127.0.0.1": errAddress, "::ffff:169.254.169.254": errAddress, "::127.0.0.1": errAddress,
		"64:ff9b::8.8.8.8": errAddress, "64:ff9b::7f00:1": errAddress, "64:ff9b:1::1": errAddress,
		"2002:7f00:1::": errAddress, "2001::1": errAddress, "2001:db8::1": errAddress, "100::1": errAddress, "5f00::1": errAddress,
		"192.0.2.1": errAddress, "198.18.0.1": errAddress, "198.51.100.1": errAddress, "203.0.113.1": errAddress, "240.0.0.1": errAddress, "192.0.0.8": errAddress,
	} {
		addr := netip.MustParseAddr(text)
		if err := none.check(addr); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
		if err := (guard{local: true}).check(addr); err != nil {
			t.Errorf("%s, when all are allowed: %v", text, err)
		}
	}
	if err := (guard{literal: literal}).check(literal); err != nil {
		t.Errorf("the address in the setting itself: %v", err)
	}
	if err := (guard{literal: literal}).check(netip.MustParseAddr("10.0.0.8")); !errors.Is(err, errAddress) {
		t.Errorf("the address beside it: %v", err)
	}
	for text, want := range map[string]error{"127.0.0.1": nil, "10.1.2.3": nil, "fd00::1": nil, "8.8.8.8": errKeyInClear, "100.64.0.1": errKeyInClear} {
		if err := (guard{local: true, near: true}).check(netip.MustParseAddr(text)); !errors.Is(err, want) {
			t.Errorf("%s with a key in clear: %v, want %v", text, err, want)
		}
	}
}

// The address to which the connection goes counts, not the name.
func TestDialerChecksTheAddressOfAName(t *testing.T) {
	s := httptest.NewServer(nil)
	defer s.Close()
	at := netip.MustParseAddrPort(s.Listener.Addr().String())
	name := "localhost:" + s.URL[len("http://127.0.0.1:"):]
	if c, err := (guard{}).dialer().DialContext(context.Background(), "tcp", name); !errors.Is(err, errAddress) {
		t.Errorf("%v, %v", c, err)
	}
	c, err := (guard{literal: at.Addr()}).dialer().DialContext(context.Background(), "tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
