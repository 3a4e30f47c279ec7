package tracker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/resolver/internal/reach"
)

var swarm = infohash.V1([20]byte{0, ' ', '+', '%', '&', 0xff})

// newClient returns a Client that may ask local trackers, without pauses.
func newClient(t *testing.T) *Client {
	t.Helper()
	c := New(reach.NewDialer(reach.Rule{Local: true}))
	c.pace.between = 0
	t.Cleanup(c.Close)
	return c
}

// serve starts a tracker and returns its address.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/announce"
}

func peersOf(all []netip.AddrPort) string {
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(all), "["), "]")
}

func TestHTTP(t *testing.T) {
	var mu sync.Mutex
	var asked []url.Values
	left := make(chan struct{}, 1)
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Query())
		if r.URL.Query().Get("event") == "stopped" {
			left <- struct{}{}
		}
		fmt.Fprint(w, "d8:intervali1800e5:peers12:\x08\x08\x08\x08\x1a\xe1\x09\x09\x09\x09\x00\x00"+
			"6:peers618:\x26\x06\x47\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x11\x11\x00\x50e")
	})
	c := newClient(t)
	got, err := c.Peers(t.Context(), address+"?x=1", swarm)
	if want := "8.8.8.8:6881 [2606:4700::1111]:80"; err != nil || peersOf(got) != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
	<-left
	mu.Lock()
	defer mu.Unlock()
	for i, want := range []string{"", "stopped"} {
		q := asked[i]
		if q.Get("info_hash") != string(swarm.AppendTo(nil)) || len(q.Get("peer_id")) != 20 || q.Get("x") != "1" || q.Get("compact") != "1" || q.Get("event") != want {
			t.Errorf("request %d has the query %q", i, q)
		}
	}
}

func TestParseReply(t *testing.T) {
	many := strings.Repeat("\x08\x08\x08\x08\x1a\xe1", 10_000)
	for body, want := range map[string]string{
		"d5:peersld2:ip7:9.9.9.94:porti80eed2:ip4:name4:porti80eed2:ip7:9.9.9.84:porti-1eed2:ip7:9.9.9.7eee": "9.9.9.9:80",
		"d5:peersld2:ip20:2606:4700:0000::11114:porti80eeee":                                                 "[2606:4700::1111]:80",
		"d5:peers0:e": "", "de": "", "d5:peersi1ee": "", "d5:peers5:\x08\x08\x08\x08\x1ae": "",
		fmt.Sprintf("d5:peers%d:%se", len(many), many): strings.TrimSpace(strings.Repeat("8.8.8.8:6881 ", maxPeers)),
	} {
		if got, err := parseReply([]byte(body)); err != nil || peersOf(got) != want {
			t.Errorf("%.100q: %v, %v", body, got, err)
		}
	}
	for _, body := range []string{"", "l", "le", "i1e", "<html>", "d14:failure reason4:goneee", "d5:peers99:xe"} {
		if got, err := parseReply([]byte(body)); err == nil {
			t.Errorf("%q: %v", body, got)
		}
	}
}

// No answer or redirect of a hostile tracker does harm.
func TestHostileHTTPTrackers(t *testing.T) {
	inside := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a redirect led to where it must not") })
	passkey := strings.Replace(inside, "/announce", "/0123456789abcdef0123456789abcdef/announce", 1)
	for name, h := range map[string]http.HandlerFunc{
		"404": http.NotFound,
		"100,000 peers": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "d5:peers600000:%se", make([]byte, 600_000))
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		},
		"endless header":         func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) },
		"redirects for ever":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) },
		"redirects to a passkey": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, passkey, http.StatusFound) },
		"redirects to a file": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		},
		"redirects to UDP": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "udp://127.0.0.1:1")
			w.WriteHeader(302)
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a page":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newClient(t).Peers(t.Context(), serve(t, h), swarm)
			if err == nil || len(got) > 0 {
				t.Errorf("%d peers, %v", len(got), err)
			}
			if err != nil && strings.Contains(err.Error(), "info_hash") {
				t.Errorf("the error tells of the torrent: %v", err)
			}
		})
	}
}

// A redirect is followed, and the address rule applies to its target.
func TestRedirects(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "d5:peers6:\x08\x08\x08\x08\x1a\xe1e") })
	from := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target+"?"+r.URL.RawQuery, http.StatusFound)
	})
	if got, err := newClient(t).Peers(t.Context(), from, swarm); err != nil || peersOf(got) != "8.8.8.8:6881" {
		t.Errorf("%v, %v", got, err)
	}
	strict := New(reach.NewDialer(reach.Rule{}))
	defer strict.Close()
	for _, address := range []string{target, strings.Replace(target, "http:", "udp:", 1)} {
		if got, err := strict.Peers(t.Context(), address, swarm); !errors.Is(err, reach.ErrAddress) {
			t.Errorf("%s: %v, %v", address, got, err)
		}
	}
}

func TestAddressesThatAreNotAsked(t *testing.T) {
	c := newClient(t)
	for _, address := range []string{"wss://127.0.0.1:1/", "http://127.0.0.1:1/announce?passkey=secretsecret", "http://user:pass@127.0.0.1:1/", "::"} {
		if _, err := c.Peers(t.Context(), address, swarm); !errors.Is(err, errUnusable) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// udpTracker starts a UDP tracker that sends the packets that answer returns, until the test
// ends.
func udpTracker(t *testing.T, answer func(packet []byte) [][]byte) string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			for _, packet := range answer(bytes.Clone(b[:n])) {
				_, _ = conn.WriteTo(packet, from)
			}
		}
	}()
	return "udp://" + conn.LocalAddr().String()
}

// reply returns the answer to a packet (BEP 15).
func reply(packet []byte, action uint32, rest ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, action)
	return append(append(b, packet[12:16]...), rest...)
}

func TestUDP(t *testing.T) {
	left, dropped := make(chan struct{}, 1), false
	connection := []byte("12345678")
	address := udpTracker(t, func(p []byte) [][]byte {
		switch {
		case binary.BigEndian.Uint32(p[8:]) == actConnect:
			if binary.BigEndian.Uint64(p) != protocolID || len(p) != 16 {
				t.Errorf("a connect of %x", p)
			}
			if !dropped { // the first packet is lost
				dropped = true
				return nil
			}
			stray := reply(p, actConnect, make([]byte, 8)...)
			stray[4]++
			return [][]byte{stray, []byte("x"), reply(p, actConnect, connection...)}
		case len(p) != 98 || !bytes.Equal(p[:8], connection) || !bytes.Equal(p[16:36], swarm.AppendTo(nil)):
			t.Errorf("an announce of %x", p)
		case binary.BigEndian.Uint32(p[80:]) == uint32(stopped):
			left <- struct{}{}
		}
		return [][]byte{reply(p, actAnnounce, append(make([]byte, 12), "\x08\x08\x08\x08\x1a\xe1\x09\x09\x09\x09\x00\x50\x01"...)...)}
	})
	c := newClient(t)
	got, err := c.Peers(t.Context(), address, swarm)
	if want := "8.8.8.8:6881 9.9.9.9:80"; err != nil || peersOf(got) != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
	<-left
}

func TestHostileUDPTrackers(t *testing.T) {
	huge := make([]byte, 60_000)
	for name, answer := range map[string]func(p []byte) [][]byte{
		"refuses":        func(p []byte) [][]byte { return [][]byte{reply(p, actError, []byte("no")...)} },
		"another action": func(p []byte) [][]byte { return [][]byte{reply(p, 7)} },
		"a short answer": func(p []byte) [][]byte { return [][]byte{reply(p, actConnect, 1)} },
		"a short announce": func(p []byte) [][]byte {
			return [][]byte{reply(p, binary.BigEndian.Uint32(p[8:]), make([]byte, 8)...)}
		},
		"a flood": func([]byte) [][]byte {
			all := make([][]byte, 2*maxPackets)
			for i := range all {
				all[i] = []byte("12345678")
			}
			return all
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newClient(t).Peers(t.Context(), udpTracker(t, answer), swarm)
			if err == nil || len(got) > 0 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	t.Run("too many peers", func(t *testing.T) {
		for i := range huge {
			huge[i] = 8
		}
		got, err := newClient(t).Peers(t.Context(), udpTracker(t, func(p []byte) [][]byte {
			return [][]byte{reply(p, binary.BigEndian.Uint32(p[8:]), huge...)}
		}), swarm)
		if err != nil || len(got) != maxPeers {
			t.Errorf("%d peers, %v", len(got), err)
		}
	})
	t.Run("says nothing", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if got, err := newClient(t).Peers(ctx, udpTracker(t, func([]byte) [][]byte { return nil }), swarm); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// A host is asked once a second. The case of its name does not matter. A request that would wait
// too long fails at once.
func TestPace(t *testing.T) {
	p, now := pace{between: between}, time.Unix(1000, 0)
	for n := range 31 {
		if turn, ok := p.reserve("host", now); !ok || turn.Sub(now) != time.Duration(n)*time.Second {
			t.Fatalf("request %d: %s, %t", n, turn, ok)
		}
	}
	if _, ok := p.reserve("host", now); ok {
		t.Error("a request waits for 31 s")
	}
	if turn, ok := p.reserve("other", now); !ok || turn != now {
		t.Error("another host waits")
	}
	for n := range 2 * maxHosts {
		p.reserve(fmt.Sprint(n), now)
	}
	if len(p.free) > maxHosts {
		t.Errorf("%d hosts are remembered", len(p.free))
	}
	if _, ok := p.reserve("late", now.Add(time.Minute)); !ok || len(p.free) > 2 {
		t.Errorf("%t, %d hosts are remembered after a minute", ok, len(p.free))
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add([]byte("d8:intervali1800e5:peers12:\x08\x08\x08\x08\x1a\xe1\x09\x09\x09\x09\x00\x00e"))
	f.Add([]byte("d5:peersld2:ip7:9.9.9.94:porti80eeee"))
	f.Fuzz(func(t *testing.T, b []byte) { check(t)(parseReply(b)) })
}

func FuzzParseAnnounced(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01abcd\x00\x00\x07\x08\x00\x00\x00\x01\x00\x00\x00\x01\x08\x08\x08\x08\x1a\xe1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t)(parseAnnounced(b, 4))
		check(t)(parseAnnounced(b, 16))
	})
}

func check(t *testing.T) func([]netip.AddrPort, error) {
	return func(peers []netip.AddrPort, _ error) {
		if len(peers) > maxPeers {
			t.Errorf("%d peers", len(peers))
		}
		for _, p := range peers {
			if p.Port() == 0 || !p.IsValid() {
				t.Errorf("a peer at %s", p)
			}
		}
	}
}
