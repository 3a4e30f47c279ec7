package origin_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/torrentcache/torrentcache/internal/origin"
)

func networks(t testing.TB, text string) origin.Networks {
	t.Helper()
	list, err := origin.ParseNetworks(text)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// addr is an address, "" the unknown one.
func addr(text string) netip.Addr {
	if text == "" {
		return origin.Unknown
	}
	return netip.MustParseAddr(text)
}

func TestClient(t *testing.T) {
	type values = []string
	for name, c := range map[string]struct {
		proxies, peer string
		xff, fwd      values
		want          string
	}{
		"no proxy, no header":              {"none", "203.0.113.9", nil, nil, "203.0.113.9"},
		"a stranger's header":              {"none", "203.0.113.9", values{"10.0.0.1"}, nil, "203.0.113.9"},
		"a stranger beside a proxy":        {"10.0.0.0/8", "203.0.113.9", values{"192.0.2.1"}, values{"for=192.0.2.1"}, "203.0.113.9"},
		"the proxy's own request":          {"10.0.0.0/8", "10.0.0.1", nil, nil, "10.0.0.1"},
		"one proxy":                        {"10.0.0.0/8", "10.0.0.1", values{"203.0.113.9"}, nil, "203.0.113.9"},
		"the client's own header":          {"10.0.0.0/8", "10.0.0.1", values{"192.0.2.1, 203.0.113.9"}, nil, "203.0.113.9"},
		"two proxies":                      {"10.0.0.0/8", "10.0.0.1", values{"203.0.113.9, 10.0.0.2"}, nil, "203.0.113.9"},
		"two lines":                        {"10.0.0.0/8", "10.0.0.1", values{"203.0.113.9", "10.0.0.2"}, nil, "203.0.113.9"},
		"a proxy in between not named":     {"10.0.0.0/8", "10.0.0.1", values{"203.0.113.9, 192.0.2.2, 10.0.0.2"}, nil, "192.0.2.2"},
		"proxies only":                     {"10.0.0.0/8", "10.0.0.1", values{"10.0.0.3, 10.0.0.2"}, nil, "10.0.0.3"},
		"with a port":                      {"10.0.0.0/8", "10.0.0.1", values{"203.0.113.9:4711"}, nil, "203.0.113.9"},
		"IPv6":                             {"10.0.0.0/8", "10.0.0.1", values{"2001:db8::7"}, nil, "2001:db8::7"},
		"IPv6 in brackets":                 {"10.0.0.0/8", "10.0.0.1", values{"[2001:db8::7]"}, nil, "2001:db8::7"},
		"IPv6 with a port":                 {"10.0.0.0/8", "10.0.0.1", values{"[2001:db8::7]:80"}, nil, "2001:db8::7"},
		"IPv4 in brackets":                 {"10.0.0.0/8", "10.0.0.1", values{"[203.0.113.9]"}, nil, ""},
		"IPv4-mapped":                      {"10.0.0.0/8", "10.0.0.1", values{"::ffff:203.0.113.9"}, nil, "203.0.113.9"},
		"empty items":                      {"10.0.0.0/8", "10.0.0.1", values{"", "203.0.113.9, ,", " "}, nil, "203.0.113.9"},
		"nothing in the header":            {"10.0.0.0/8", "10.0.0.1", values{""}, nil, "10.0.0.1"},
		"the proxy does not know":          {"10.0.0.0/8", "10.0.0.1", values{"203.0.113.9, unknown"}, nil, ""},
		"a proxy further off does not":     {"10.0.0.0/8", "10.0.0.1", values{"203.0.113.9, _hidden, 10.0.0.2"}, nil, ""},
		"no address":                       {"10.0.0.0/8", "10.0.0.1", values{"0.0.0.0"}, nil, ""},
		"a proxy on loopback, named":       {"127.0.0.0/8", "127.0.0.1", values{"203.0.113.9"}, nil, "203.0.113.9"},
		"a proxy on loopback, not named":   {"none", "127.0.0.1", values{"203.0.113.9"}, nil, ""},
		"the same with Forwarded":          {"none", "::1", nil, values{"for=203.0.113.9"}, ""},
		"this machine":                     {"none", "127.0.0.1", nil, nil, "127.0.0.1"},
		"Forwarded":                        {"10.0.0.0/8", "10.0.0.1", nil, values{`for=192.0.2.1, For="203.0.113.9:80";proto=http;by=10.0.0.1`}, "203.0.113.9"},
		"Forwarded, IPv6":                  {"10.0.0.0/8", "10.0.0.1", nil, values{`proto=https;for="[2001:db8::7]:4711"`}, "2001:db8::7"},
		"Forwarded, two proxies":           {"10.0.0.0/8", "10.0.0.1", nil, values{"for=203.0.113.9", "for=10.0.0.2;by=10.0.0.1"}, "203.0.113.9"},
		"Forwarded, commas in quotes":      {"10.0.0.0/8", "10.0.0.1", nil, values{`for=203.0.113.9;host="a,for=192.0.2.1"`}, "203.0.113.9"},
		"Forwarded, a quote in quotes":     {"10.0.0.0/8", "10.0.0.1", nil, values{`for=203.0.113.9;host="a\",for=192.0.2.1"`}, "203.0.113.9"},
		"Forwarded, empty elements":        {"10.0.0.0/8", "10.0.0.1", nil, values{", for=203.0.113.9 , ,"}, "203.0.113.9"},
		"Forwarded without for":            {"10.0.0.0/8", "10.0.0.1", nil, values{"for=203.0.113.9, proto=http"}, ""},
		"Forwarded, obfuscated":            {"10.0.0.0/8", "10.0.0.1", nil, values{"for=_x"}, ""},
		"Forwarded, a quote left open":     {"10.0.0.0/8", "10.0.0.1", nil, values{`for="203.0.113.9`}, ""},
		"Forwarded, a quote over the rest": {"10.0.0.0/8", "10.0.0.1", nil, values{`for=", for=203.0.113.9`}, ""},
		"Forwarded, an open one before":    {"10.0.0.0/8", "10.0.0.1", nil, values{`for="`, `for=203.0.113.9`}, "203.0.113.9"},
		"Forwarded, no grammar":            {"10.0.0.0/8", "10.0.0.1", nil, values{"203.0.113.9"}, ""},
		"both, alike":                      {"10.0.0.0/8", "10.0.0.1", values{"203.0.113.9"}, values{"for=203.0.113.9"}, "203.0.113.9"},
		"both, one by the client":          {"10.0.0.0/8", "10.0.0.1", values{"203.0.113.9"}, values{"for=192.0.2.1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			proxies := origin.Proxies(networks(t, c.proxies))
			if got := proxies.Client(addr(c.peer), c.xff, c.fwd); got != addr(c.want) {
				t.Errorf("client is %v, want %v", got, addr(c.want))
			}
		})
	}
}

func TestHandlerTellsTheClient(t *testing.T) {
	var got netip.Addr
	h := origin.Proxies(networks(t, "127.0.0.0/8")).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = origin.FromContext(r.Context())
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "127.0.0.1:5000"
	r.Header.Set("x-forwarded-for", "203.0.113.9")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if got != addr("203.0.113.9") {
		t.Errorf("the context tells %v", got)
	}
	if none := origin.FromContext(t.Context()); none != origin.Unknown {
		t.Errorf("a context without an address tells %v", none)
	}
}

func TestPeer(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.9:80":          "203.0.113.9",
		"[2001:db8::7]:80":        "2001:db8::7",
		"[::ffff:203.0.113.9]:80": "203.0.113.9",
		"[fe80::1%eth0]:80":       "fe80::1",
		"@":                       "127.0.0.1",
		"":                        "127.0.0.1",
		"/run/a.sock":             "127.0.0.1",
	} {
		if got := origin.Peer(text); got != addr(want) {
			t.Errorf("%q is %v, want %s", text, got, want)
		}
		var as net.Addr = &net.UnixAddr{Name: text, Net: "unix"}
		if tcp, err := netip.ParseAddrPort(text); err == nil {
			as = net.TCPAddrFromAddrPort(tcp)
		}
		if got := origin.PeerAddr(as); got != addr(want) {
			t.Errorf("%T %v is %v, want %s", as, as, got, want)
		}
	}
}

func TestBlock(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.9":           "203.0.113.9/32",
		"2001:db8:1:2:3:4:5:6":  "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::99": "2001:db8:1:2::/64",
	} {
		if got := origin.Block(addr(text)).String(); got != want {
			t.Errorf("%s is in %s, want %s", text, got, want)
		}
	}
	if got := origin.Block(origin.Unknown); got != (netip.Prefix{}) {
		t.Errorf("the unknown is in %v", got)
	}
}

func TestTextIsReadBack(t *testing.T) {
	proxies := origin.Proxies(networks(t, "127.0.0.1"))
	for _, client := range []netip.Addr{origin.Unknown, addr("203.0.113.9"), addr("2001:db8::7")} {
		if got := proxies.Client(origin.Local, []string{origin.Text(client)}, nil); got != client {
			t.Errorf("%q is read as %v", origin.Text(client), got)
		}
	}
}

func TestNetworks(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "none",
		"none":                           "none",
		"10.0.0.0/8":                     "10.0.0.0/8",
		"10.0.0.0/8, 2001:db8::/32,::1":  "10.0.0.0/8,2001:db8::/32,::1/128",
		"192.0.2.7":                      "192.0.2.7/32",
		"::ffff:192.0.2.7":               "192.0.2.7/32",
		"10.0.0.1/8":                     "error",
		"10.0.0.0/33":                    "error",
		"::ffff:10.0.0.0/104":            "error",
		"fe80::1%eth0":                   "error",
		"localhost":                      "error",
		"10.0.0.0/8,":                    "error",
		"127.0.0.0/8,none":               "error",
		"2001:db8::/32;2001:db8:1::1/64": "error",
	} {
		var n origin.Networks
		got := "error"
		if err := n.Set(text); err == nil {
			got = n.String()
		}
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	if n := networks(t, "0.0.0.0/0,::/0"); n.Contains(origin.Unknown) || !n.Contains(origin.Local) {
		t.Error("all addresses: want every one and not the unknown")
	}
}

// For all headers that a client sends, the address that the trusted proxy added behind them counts.
func FuzzClient(f *testing.F) {
	f.Add("192.0.2.1", "for=192.0.2.1")
	f.Add("", `for="[2001:db8::7]:80";by=_x, for=unknown`)
	f.Add("10.0.0.2, 10.0.0.3:80", `for="a\`)
	f.Add("unknown,,[::1]", `;;,=,for=1`)
	proxies := origin.Proxies(networks(f, "10.0.0.0/8"))
	proxy, client := addr("10.0.0.1"), addr("203.0.113.9")
	f.Fuzz(func(t *testing.T, xff, forwarded string) {
		if got := proxies.Client(client, []string{xff}, []string{forwarded}); got != client {
			t.Fatalf("a stranger's headers are believed: %v", got)
		}
		if got := proxies.Client(proxy, []string{xff + ", 203.0.113.9"}, nil); got != client {
			t.Fatalf("X-Forwarded-For: %v", got)
		}
		if got := proxies.Client(proxy, nil, []string{forwarded, "for=203.0.113.9"}); got != client {
			t.Fatalf("Forwarded in two lines: %v", got)
		}
		if got := proxies.Client(proxy, nil, []string{forwarded + ", for=203.0.113.9"}); got != client && got != origin.Unknown {
			t.Fatalf("Forwarded: %v", got)
		}
		if got := proxies.Client(proxy, []string{xff}, []string{forwarded}); got.Is4In6() || got.Zone() != "" || got.IsUnspecified() {
			t.Fatalf("not as addresses are compared: %v", got)
		}
	})
}
