// Package tracker asks trackers for the peers of a torrent: by HTTP (BEP 3, compact peers of BEP
// 23 and BEP 7) and by UDP (BEP 15).
//
// A tracker answers only announces, the requests of a peer that takes part. So the client
// announces a peer that has nothing, and at once announces that this peer has left
// (event=stopped), so that no other peer looks for it.
//
// The package bounds the data that a tracker sends: it reads at most maxReply bytes of an answer
// and takes at most maxPeers peers from it. It asks each host at most once a second, over all
// ports and schemes.
package tracker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/resolver/internal/peer"
	"github.com/torrentcache/torrentcache/resolver/internal/reach"
)

const (
	// askTime is the time limit of an answer.
	askTime = 10 * time.Second

	// numWant is how many peers are asked for.
	numWant = 50

	// maxPeers is how many peers of an answer are used.
	maxPeers = 200
)

// Client asks trackers. It is safe for concurrent use.
type Client struct {
	dialer *reach.Dialer
	pace   pace
	http   *http.Client
	self   identity
	ctx    context.Context // ends with Close
	end    context.CancelFunc
	leaves sync.WaitGroup // the announces of event=stopped under way
}

// identity is the peer that the client announces. No real peer has it.
type identity struct {
	id  []byte
	key uint32
}

// port is the announced port. Nothing listens there (discard, RFC 863).
const port = 9

// New returns a Client that connects through d.
func New(d *reach.Dialer) *Client {
	id := peer.PeerID()
	c := &Client{dialer: d, pace: pace{between: between}, self: identity{id, binary.BigEndian.Uint32(id[len(id)-4:])}}
	c.http = c.newHTTP()
	c.ctx, c.end = context.WithCancel(context.Background())
	return c
}

// Close stops all requests that are under way. No method may be called afterwards.
func (c *Client) Close() {
	c.end()
	c.leaves.Wait()
	c.http.CloseIdleConnections()
}

// event is an event of BEP 3, by its number in BEP 15.
type event int

const (
	asks    event = 0
	stopped event = 3
)

var errUnusable = errors.New("the resolver does not ask this tracker: want an http, https or udp address (udp with a port) without a password or passkey")

// Peers asks the tracker at address for peers of swarm, a 20-byte id. [wanted.IsTracker] must
// accept the address.
func (c *Client) Peers(ctx context.Context, address string, swarm infohash.ID) ([]netip.AddrPort, error) {
	if !wanted.IsTracker(address) {
		return nil, errUnusable
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	peers, err := c.announce(ctx, u, swarm, asks)
	if err == nil {
		c.leaves.Go(func() {
			_, _ = c.announce(c.ctx, u, swarm, stopped) // if it fails, the tracker drops the peer later
		})
	}
	return peers, err
}

// announce waits for the host's turn and then asks the tracker.
func (c *Client) announce(ctx context.Context, u *url.URL, swarm infohash.ID, e event) ([]netip.AddrPort, error) {
	if strings.EqualFold(u.Scheme, "udp") {
		if err := c.pace.wait(ctx, u.Hostname()); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		peers, err := c.byUDP(ctx, u.Host, swarm, e)
		return peers, withoutAddress(err)
	}
	peers, err := c.byHTTP(ctx, u, swarm, e)
	return peers, withoutAddress(err)
}

// withoutAddress strips the URL from an error of net/http, because the URL names the torrent.
func withoutAddress(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("tracker: %w", e.Err)
	}
	return err
}
