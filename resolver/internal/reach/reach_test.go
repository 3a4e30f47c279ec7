package reach_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/resolver/internal/reach"
)

func listen(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// The rule applies to the address that a connection goes to, however the caller writes it.
func TestDialerChecksTheAddress(t *testing.T) {
	port := listen(t)
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0", "::", "10.0.0.1", "169.254.169.254", "64:ff9b::7f00:1"} {
		for _, network := range []string{"tcp", "udp"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			conn, err := reach.NewDialer(reach.Rule{}).DialContext(ctx, network, net.JoinHostPort(host, port))
			cancel()
			if conn != nil {
				t.Errorf("%s %s: connected to %s", network, host, conn.RemoteAddr())
			} else if !errors.Is(err, reach.ErrAddress) && host != "::" && host != "64:ff9b::7f00:1" && host != "localhost" { // there may be no IPv6
				t.Errorf("%s %s: %v", network, host, err)
			}
		}
	}
	conn, err := reach.NewDialer(reach.Rule{Local: true}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestRule(t *testing.T) {
	for text, public := range map[string]bool{"8.8.8.8": true, "2606:4700::1111": true, "127.0.0.1": false, "::1": false, "192.168.1.1": false, "::ffff:10.0.0.1": false} {
		addr := netip.MustParseAddr(text)
		if got := (reach.Rule{}).Allows(addr); got != public {
			t.Errorf("%s: %t", text, got)
		}
		if !(reach.Rule{Local: true}).Allows(addr) {
			t.Errorf("%s is not allowed by --local-peers", text)
		}
	}
}

// A Dialer begins no more connections a second than the bound.
func TestDialsASecondAreBounded(t *testing.T) {
	port := listen(t)
	d := reach.NewDialer(reach.Rule{Local: true})
	begun, n := time.Now(), 0
	for ; n < reach.DialsPerSecond+10; n++ {
		conn, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	took := time.Since(begun).Seconds()
	if most := reach.DialsPerSecond * (1 + took); float64(n) > most {
		t.Errorf("%d connections in %.2f s, more than %.0f", n, took, most)
	}
}
