// Package dhtnode asks the DHT (BEP 5) for the peers of a torrent. Its node is read-only (BEP
// 43): it says so in each query, answers no queries and announces nothing, and no other node
// keeps its address.
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
	// packetsPerSecond bounds the queries to all nodes together. A burst has at most a tenth of
	// them.
	packetsPerSecond = 200

	// maxContacted is how many nodes are asked for one torrent.
	maxContacted = 400

	// resend is the time after which a query is repeated or given up.
	resend = 2 * time.Second

	// lookupTime is the time limit for resolving the names of the bootstrap nodes.
	lookupTime = 5 * time.Second
)

// DefaultBootstrap returns well-known nodes, through which a new node finds others.
func DefaultBootstrap() []string {
	return []string{"router.bittorrent.com:6881", "dht.transmissionbt.com:6881", "router.utorrent.com:6881", "dht.libtorrent.org:25401"}
}

// Options configure a Node. Address and Bootstrap are required.
type Options struct {
	Address   string     // local address to send from, UDP over IPv4
	Bootstrap []string   // HOST:PORT of the nodes that are asked first
	Rule      reach.Rule // selects the nodes that may be asked
}

// Node is a node of the DHT. Its methods are safe for concurrent use.
type Node struct {
	options Options
	server  *dht.Server
	end     context.CancelFunc // of ctx
	ctx     context.Context    // ends with Close
	running sync.WaitGroup
}

// New returns a Node. It sends nothing until Peers is called.
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
		NoSecurity:       true, // secure ids (BEP 42) need the public address, which is not known
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

// Close ends all searches that are under way.
func (n *Node) Close() {
	n.end()
	n.server.Close()
	n.running.Wait()
}

// Nodes returns how many other nodes are known.
func (n *Node) Nodes() int { return n.server.NumNodes() }

// Silent returns a logger of the DHT's package that discards everything, because the package
// would log data that strangers send.
func Silent() log.Logger {
	l := log.NewLogger().WithFilterLevel(log.Critical)
	l.SetHandlers(log.DiscardHandler)
	return l
}

var errSilent = errors.New("no node of the DHT answers")

// Peers asks the DHT for the peers of swarm, a 20-byte id. It calls found for each peer, from one
// goroutine, until the nodes nearest to the id have been asked or ctx ends.
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

// stop ends a search. The search delivers pending answers before it ends, so stop drains them.
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

// first returns the addresses of the bootstrap nodes, which are asked when no other node is
// known.
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

// revive pings the bootstrap nodes again, because all other known nodes may be gone.
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
			continue // cannot happen: the settings were validated at the start
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
