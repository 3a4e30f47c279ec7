package daemon

import (
	"net"
	"slices"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/reason"
)

func TestOthersReach(t *testing.T) {
	for address, want := range map[string]bool{
		"off": false, "127.0.0.1:9091": false, "127.9.9.9:0": false, "[::1]:9091": false, "localhost:9091": false,
		":9091": true, "0.0.0.0:9091": true, "[::]:9091": true, "10.0.0.5:9091": true, "no.such.name.invalid:1": true,
	} {
		if got := othersReach(address); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
}

// While others can reach the admin listener and no key tells the operator from them, nobody makes
// the operator's calls.
func TestTheAdminListenerIsClosed(t *testing.T) {
	for _, c := range []struct {
		address string
		keyed   bool
		gate    *access.Gate
		closed  string
	}{
		{"127.0.0.1:9091", false, access.NewGate(access.Open(access.Read)), ""},
		{":9091", true, access.NewGate(access.New(access.Read, nil)), ""},
		{":9091", false, access.NewGate(access.Open(access.Read)), "--keys-file"},
		{":9091", false, nil, "127.0.0.1"},
	} {
		d := &daemon{gate: c.gate, keyed: c.keyed}
		d.cfg.AdminAddr = c.address
		if got := d.adminClosed(); !strings.Contains(got, c.closed) || (got == "") != (c.closed == "") {
			t.Errorf("%+v: %s", c, got)
		}
		if c.gate == nil || c.keyed {
			continue
		}
		_, err := d.adminGate().Decide(access.Credentials{}, torrentcachev1.AdminService_RemoveTorrent_FullMethodName)
		if refused := err != nil && reason.Of(err).Reason == reason.PermissionDenied; refused != (c.closed != "") {
			t.Errorf("%+v: %v", c, err)
		}
		if _, err := d.adminGate().Decide(access.Credentials{}, torrentcachev1.CacheService_GetTorrent_FullMethodName); err != nil {
			t.Errorf("%+v: a read: %v", c, err)
		}
	}
}

// The start says which listeners others can reach, the operator's included.
func TestTheStartSaysWhatOthersReach(t *testing.T) {
	at := func(text string) net.Addr {
		addr, err := net.ResolveTCPAddr("tcp", text)
		if err != nil {
			t.Fatal(err)
		}
		return addr
	}
	private := announcement{http: at("127.0.0.1:8080"), admin: at("127.0.0.1:9091")}
	if text := private.text(); !strings.Contains(text, "Only this machine can reach it.") || strings.Contains(text, "Others can reach") {
		t.Error(text)
	}
	open := private
	open.admin, open.adminClosed = at("0.0.0.0:9091"), "no key"
	if text := open.text(); !strings.Contains(text, "Others can reach: Admin.\n") || !strings.Contains(text, "Admin listener: no key.") || strings.Contains(text, "Only this machine") {
		t.Error(text)
	}
	open.http, open.grpc = at("10.0.0.5:8080"), at("[::]:9090")
	if got := open.reachable(); !slices.Equal(got, []string{"HTTP", "gRPC", "Admin"}) {
		t.Error(got)
	}
}
