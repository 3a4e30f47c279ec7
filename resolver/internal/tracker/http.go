package tracker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/buildinfo"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/resolver/internal/bencode"
)

const (
	// maxReply is the maximum size of an answer in bytes: ten thousand compact peers.
	maxReply = 64 << 10

	// maxRedirects is how many redirects are followed for one answer.
	maxRedirects = 3
)

var (
	errRedirect = errors.New("the tracker redirects further and further on, or to an address that is not asked")
	errTooLong  = fmt.Errorf("the answer has more than %d bytes", maxReply)
)

func (c *Client) newHTTP() *http.Client {
	return &http.Client{
		Transport: paced{&c.pace, &http.Transport{
			Proxy:                  nil, // a proxy of HTTP_PROXY would see which torrents are looked for
			DialContext:            c.dialer.DialContext,
			DisableCompression:     true, // so that maxReply bounds the bytes received and decoded alike
			TLSHandshakeTimeout:    5 * time.Second,
			ResponseHeaderTimeout:  askTime,
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConns:           64,
			IdleConnTimeout:        30 * time.Second,
		}},
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			next.Header.Del("Referer") // it names the torrent
			if len(before) > maxRedirects || !wanted.IsTracker(withoutQuery(next.URL)) || next.URL.Scheme == "udp" {
				return errRedirect
			}
			return nil
		},
		Timeout: patience + askTime,
	}
}

// withoutQuery returns u without its query, because a redirecting tracker puts the info hash
// there.
func withoutQuery(u *url.URL) string {
	c := *u
	c.RawQuery = ""
	return c.String()
}

// paced makes each request, including redirected ones, wait for the turn of its host.
type paced struct {
	pace *pace
	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (p paced) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := p.pace.wait(r.Context(), r.URL.Hostname()); err != nil {
		return nil, err
	}
	return p.next.RoundTrip(r)
}

// byHTTP asks the HTTP tracker at u (BEP 3).
func (c *Client) byHTTP(ctx context.Context, u *url.URL, swarm infohash.ID, e event) ([]netip.AddrPort, error) {
	target := *u
	target.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+c.query(swarm, e), "&")
	target.Fragment = ""
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "torrentcache-resolver/"+buildinfo.Read().Version)
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the tracker answers with the status %d", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxReply+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxReply {
		return nil, errTooLong
	}
	return parseReply(body)
}

// query returns the query of an announce (BEP 3, with the parameters of BEP 23).
func (c *Client) query(swarm infohash.ID, e event) string {
	var q strings.Builder
	fmt.Fprintf(&q, "info_hash=%s&peer_id=%s&port=%d&uploaded=0&downloaded=0&left=1&compact=1&numwant=%d&key=%08x",
		escape(swarm.AppendTo(nil)), escape(c.self.id), port, numWant, c.self.key)
	if e == stopped {
		q.WriteString("&event=stopped")
	}
	return q.String()
}

// escape percent-encodes each byte, because some trackers do not read + as a space.
func escape(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		fmt.Fprintf(&out, "%%%02X", c)
	}
	return out.String()
}

// parseReply reads the answer to an announce.
func parseReply(body []byte) ([]netip.AddrPort, error) {
	reply, _, err := bencode.Cut(body)
	if err != nil || reply[0] != 'd' {
		return nil, errors.New("the answer is no bencoded dictionary")
	}
	if why, ok := bencode.String(bencode.Lookup(reply, "failure reason")); ok {
		return nil, fmt.Errorf("the tracker refuses: %.80q", why)
	}
	var peers []netip.AddrPort
	value := bencode.Lookup(reply, "peers")
	if compact, ok := bencode.String(value); ok {
		peers = appendCompact(peers, compact, 4)
	}
	for item := range bencode.Items(value) {
		if peer, ok := parsePeer(item); ok && len(peers) < maxPeers {
			peers = append(peers, peer)
		}
	}
	if compact, ok := bencode.String(bencode.Lookup(reply, "peers6")); ok {
		peers = appendCompact(peers, compact, 16)
	}
	return peers, nil
}

// parsePeer reads a peer that is a dictionary (BEP 3). It rejects a peer whose `ip` is a host
// name.
func parsePeer(item []byte) (netip.AddrPort, bool) {
	text, hasIP := bencode.String(bencode.Lookup(item, "ip"))
	number, hasPort := bencode.Int(bencode.Lookup(item, "port"))
	if !hasIP || !hasPort || number < 1 || number > 65535 {
		return netip.AddrPort{}, false
	}
	addr, err := netip.ParseAddr(string(text))
	return netip.AddrPortFrom(addr, uint16(number)), err == nil
}

// appendCompact appends the peers in b until there are maxPeers. Each is an address of size bytes
// and a port of two (BEP 23, BEP 7).
func appendCompact(peers []netip.AddrPort, b []byte, size int) []netip.AddrPort {
	for ; len(b) >= size+2 && len(peers) < maxPeers; b = b[size+2:] {
		addr, ok := netip.AddrFromSlice(b[:size])
		number := uint16(b[size])<<8 | uint16(b[size+1])
		if ok && number != 0 {
			peers = append(peers, netip.AddrPortFrom(addr.Unmap(), number))
		}
	}
	return peers
}
