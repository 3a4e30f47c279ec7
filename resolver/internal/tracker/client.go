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
	// askTime is how long a tracker may take to answer.
	askTime = 10 * time.Second

	// numWant is how many peers are asked for.
	numWant = 50

	// maxPeers is how many peers of an answer are taken.
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
	leaves sync.WaitGroup // of what trackers are told after they have been asked
}

// identity is what trackers know of a peer. None has this one, which listens nowhere.
type identity struct {
	id  []byte
	key uint32
}

// port is what trackers are told; nobody listens there (discard, RFC 863).
const port = 9

// New returns a Client that connects by d.
func New(d *reach.Dialer) *Client {
	id := peer.PeerID()
	c := &Client{dialer: d, pace: pace{between: between}, self: identity{id, binary.BigEndian.Uint32(id[len(id)-4:])}}
	c.http = c.newHTTP()
	c.ctx, c.end = context.WithCancel(context.Background())
	return c
}

// Close ends all that is under way. No method may be called any more.
func (c *Client) Close() {
	c.end()
	c.leaves.Wait()
	c.http.CloseIdleConnections()
}

// Events of BEP 3, with their numbers of BEP 15.
type event int

const (
	asks    event = 0
	stopped event = 3
)

var errUnusable = errors.New("the address is none of a tracker that is asked")

// Peers asks the tracker at address, which must be one that [wanted.IsTracker] lets in, for peers of swarm, a 20-byte id.
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
			_, _ = c.announce(c.ctx, u, swarm, stopped) // a tracker forgets those who do not come again
		})
	}
	return peers, err
}

// announce asks when it is the host's turn.
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

// withoutAddress returns what is in an error of net/http without the address, which names the
// torrent.
func withoutAddress(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("tracker: %w", e.Err)
	}
	return err
}
