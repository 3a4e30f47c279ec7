package dhtnode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/resolver/internal/bencode"
	"github.com/torrentcache/torrentcache/resolver/internal/reach"
)

var swarm = infohash.V1([20]byte{7, 7, 7})

// others is a node of the DHT. It puts the result of answer into the dictionary r after its id,
// and sends nothing if that is "".
type others struct {
	net.PacketConn
	mu    sync.Mutex
	asked []string // the queries, and whether a read-only node sent each
}

func startOther(t *testing.T, answer func(q string) string) *others {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &others{PacketConn: conn}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			o.answer(bytes.Clone(b[:n]), from, answer)
		}
	}()
	return o
}

func (o *others) answer(packet []byte, from net.Addr, answer func(q string) string) {
	q, _ := bencode.String(bencode.Lookup(packet, "q"))
	id, _ := bencode.String(bencode.Lookup(packet, "t"))
	readOnly, _ := bencode.Int(bencode.Lookup(packet, "ro"))
	o.mu.Lock()
	o.asked = append(o.asked, fmt.Sprintf("%s %d", q, readOnly))
	o.mu.Unlock()
	said := answer(string(q))
	if said == "" {
		return
	}
	_, _ = o.WriteTo(fmt.Appendf(nil, "d1:rd2:id20:%s%se1:t%d:%s1:y1:re", strings.Repeat("n", 20), said, len(id), id), from)
	// It also sends a query, which must get no answer.
	_, _ = o.WriteTo([]byte("d1:ad2:id20:nnnnnnnnnnnnnnnnnnnne1:q4:ping1:t2:aa1:y1:qe"), from)
}

func newNode(t *testing.T, rule reach.Rule, bootstrap ...string) *Node {
	t.Helper()
	n, err := New(Options{Address: "127.0.0.1:0", Bootstrap: bootstrap, Rule: rule})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func peers(t *testing.T, n *Node) (found []string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = n.Peers(ctx, swarm, func(p netip.AddrPort) { found = append(found, p.String()) })
	return found, err
}

// Peers come from nodes, which see that the asking node is read-only. It announces nothing and
// answers no query.
func TestPeers(t *testing.T) {
	o := startOther(t, func(q string) string {
		if q != "get_peers" {
			t.Errorf("asked %q", q)
		}
		return "5:token1:t6:valuesl6:\x08\x08\x08\x08\x1a\xe16:\x09\x09\x09\x09\x00\x00e"
	})
	n := newNode(t, reach.Rule{Local: true}, o.LocalAddr().String())
	found, err := peers(t, n)
	if err != nil || strings.Join(found, " ") != "8.8.8.8:6881" {
		t.Errorf("found %v, %v", found, err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, asked := range o.asked {
		if asked != "get_peers 1" {
			t.Errorf("asked %q", asked)
		}
	}
	if len(o.asked) == 0 {
		t.Error("nobody was asked")
	}
}

// A search ends even if nodes name other nodes without end.
func TestNodesWithoutEnd(t *testing.T) {
	next := 0
	o := startOther(t, func(string) string {
		var nodes []byte
		for range 50 {
			next++
			nodes = append(nodes, fmt.Sprintf("%020d", next)...)
			nodes = append(nodes, 127, 2, byte(next>>8), byte(next), 0, 9)
		}
		return fmt.Sprintf("5:nodes%d:%s", len(nodes), nodes)
	})
	n := newNode(t, reach.Rule{Local: true}, o.LocalAddr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := n.Peers(ctx, swarm, func(netip.AddrPort) {}); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// A node at an address that is not public is not asked, and no peer is found.
func TestNodesHereAreNotAsked(t *testing.T) {
	o := startOther(t, func(string) string { return "" })
	if found, err := peers(t, newNode(t, reach.Rule{}, o.LocalAddr().String())); !errors.Is(err, errSilent) || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
	if len(o.asked) > 0 {
		t.Errorf("it was asked %v", o.asked)
	}
}

func TestNobodyKnown(t *testing.T) {
	if _, err := peers(t, newNode(t, reach.Rule{Local: true}, "name.invalid:6881")); err == nil {
		t.Error("no error")
	}
}

// Only answers reach the DHT's package, which would log other packets.
func TestIsAnswer(t *testing.T) {
	for packet, want := range map[string]bool{
		"d1:rd2:id20:nnnnnnnnnnnnnnnnnnnne1:t2:aa1:y1:re": true, "d1:eli201e5:errore1:t2:aa1:y1:ee": true,
		"d1:t2:aa1:y1:qe": false, "": false, "d": false, "x": false, "de": false, "l1:y1:re": false,
	} {
		if got := isAnswer([]byte(packet)); got != want {
			t.Errorf("%q: %t", packet, got)
		}
	}
}

// No packet stops the node.
func FuzzPacket(f *testing.F) {
	f.Add([]byte("d1:rd2:id20:nnnnnnnnnnnnnnnnnnnne1:t2:aa1:y1:re"))
	f.Add([]byte("d1:eli201e5:errore1:t2:aa1:y1:ee"))
	n, err := New(Options{Address: "127.0.0.1:0", Rule: reach.Rule{Local: true}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(n.Close)
	to, err := net.Dial("udp4", n.server.Addr().String())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { to.Close() })
	f.Fuzz(func(t *testing.T, b []byte) {
		isAnswer(b)
		if len(b) < maxPacket {
			_, _ = to.Write(b)
		}
		n.Nodes()
	})
}
