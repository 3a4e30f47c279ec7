// Package dhtnode asks the DHT (BEP 5) which peers a torrent has. Its node only reads (BEP 43): it
// says so in each question, answers none, announces nothing, and no other node keeps its address.
package dhtnode

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/anacrolix/dht/v2"
	"github.com/anacrolix/dht/v2/krpc"
	"github.com/anacrolix/log"
	"golang.org/x/time/rate"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/resolver/internal/reach"
)

const (
	// packetsPerSecond bounds what is asked of all nodes together, and a tenth of it what is
	// asked at once.
	packetsPerSecond = 200

	// maxContacted is how many nodes are asked about one torrent.
	maxContacted = 400

	// resend is after what time a question is asked again, or is given up.
	resend = 2 * time.Second

	// lookupTime is how long the names of the first nodes are looked up.
	lookupTime = 5 * time.Second
)

// DefaultBootstrap are nodes that are known to everybody, by whom one gets to know others.
func DefaultBootstrap() []string {
	return []string{"router.bittorrent.com:6881", "dht.transmissionbt.com:6881", "router.utorrent.com:6881", "dht.libtorrent.org:25401"}
}

// Options say how the DHT is reached. Address and Bootstrap are required.
type Options struct {
	Address   string     // to send from, for UDP over IPv4
	Bootstrap []string   // HOST:PORT of nodes that are asked first
	Rule      reach.Rule // of the nodes that are asked
}

// Node is a node of the DHT. Its methods are safe for concurrent use.
type Node struct {
	options Options
	server  *dht.Server
	end     context.CancelFunc // of ctx
	ctx     context.Context    // ends with Close
	running sync.WaitGroup
}

// New returns a Node, which asks nobody yet.
func New(o Options) (*Node, error) {
	conn, err := net.ListenPacket("udp4", o.Address)
	if err != nil {
		return nil, err
	}
	n := &Node{options: o}
	n.ctx, n.end = context.WithCancel(context.Background())
	n.server, err = dht.NewServer(&dht.ServerConfig{
		Conn:             &socket{conn, o.Rule},
		Passive:          true,
		NoSecurity:       true, // the address that others see is not known
		StartingNodes:    n.first,
		QueryResendDelay: func() time.Duration { return resend },
		DefaultWant:      []krpc.Want{krpc.WantNodes},
		SendLimiter:      rate.NewLimiter(packetsPerSecond, packetsPerSecond/10),
		Logger:           Silent(),
	})
	if err != nil {
		conn.Close()
		n.end()
		return nil, err
	}
	return n, nil
}

// Close ends all that is under way.
func (n *Node) Close() {
	n.end()
	n.server.Close()
	n.running.Wait()
}

// Nodes is how many other nodes are known.
func (n *Node) Nodes() int { return n.server.NumNodes() }

// Silent returns a logger of the DHT's package that says nothing: it would show what strangers send.
func Silent() log.Logger {
	l := log.NewLogger().WithFilterLevel(log.Critical)
	l.SetHandlers(log.DiscardHandler)
	return l
}

var errSilent = errors.New("no node of the DHT answers")

// Peers calls found for each peer that swarm, a 20-byte id, is said to have, from one goroutine,
// until the nodes nearest to it have been asked or ctx ends.
func (n *Node) Peers(ctx context.Context, swarm infohash.ID, found func(netip.AddrPort)) error {
	search, err := n.server.AnnounceTraversal([20]byte(swarm.AppendTo(nil)))
	if err != nil {
		return err
	}
	defer n.stop(search)
	answers := 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.ctx.Done():
			return n.ctx.Err()
		case answer, more := <-search.Peers:
			switch {
			case more:
				answers++
				tell(answer.Peers, found)
			case answers == 0:
				n.running.Go(n.revive)
				return errSilent
			default:
				return nil
			}
		}
		if search.NumContacted() > maxContacted {
			return nil
		}
	}
}

// stop ends a search, which hands over what it has at hand before it ends.
func (n *Node) stop(search *dht.Announce) {
	search.Close()
	n.running.Go(func() {
		for range search.Peers {
		}
	})
}

func tell(peers []dht.Peer, found func(netip.AddrPort)) {
	for _, p := range peers {
		addr, ok := netip.AddrFromSlice(p.IP)
		if ok && p.Port > 0 && p.Port <= 65535 {
			found(netip.AddrPortFrom(addr.Unmap(), uint16(p.Port)))
		}
	}
}

// first returns the addresses of the nodes that are asked when no other is known.
func (n *Node) first() ([]dht.Addr, error) {
	var all []dht.Addr
	for _, at := range n.lookup() {
		all = append(all, dht.NewAddr(at))
	}
	if len(all) == 0 {
		return nil, errors.New("no name of --dht-bootstrap has an address")
	}
	return all, nil
}

// revive gets to know the first nodes anew: all others may be gone.
func (n *Node) revive() {
	for _, at := range n.lookup() {
		if n.ctx.Err() != nil {
			return
		}
		n.server.Ping(at)
	}
}

func (n *Node) lookup() []*net.UDPAddr {
	ctx, cancel := context.WithTimeout(n.ctx, lookupTime)
	defer cancel()
	var all []*net.UDPAddr
	for _, name := range n.options.Bootstrap {
		host, service, err := net.SplitHostPort(name)
		if err != nil {
			continue // it was looked at when the program began
		}
		port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
		if err != nil {
			continue
		}
		addresses, _ := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
		for _, addr := range addresses {
			all = append(all, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr.Unmap(), uint16(port))))
		}
	}
	return all
}
