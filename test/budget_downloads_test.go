//go:build e2e

package test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// raidedCount is how many of the large torrents raids request. The last torrent is reserved for
// other clients.
const raidedCount = largeCount - 1

// readers is how many large torrents a raid requests.
const readers = 250

// insecureTLS returns the configuration of a client that trusts every server and speaks this
// protocol.
func insecureTLS(protocol string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}}
}

// askAll requests large torrents on one connection, whose streams have no window.
type askAll func(ctx context.Context, t *testing.T, g *guarded) *rawHTTP2

func overGRPC(ctx context.Context, t *testing.T, g *guarded) *rawHTTP2 {
	c := dialHTTP2(ctx, t, g.GRPC, nil, 0)
	for i := range readers {
		c.call(torrentcachev1.CacheService_GetTorrent_FullMethodName,
			&torrentcachev1.GetTorrentRequest{InfoHash: g.stock.large[i%raidedCount]})
	}
	return c
}

func overHTTPS2(ctx context.Context, t *testing.T, g *guarded) *rawHTTP2 {
	c := dialHTTP2(ctx, t, g.HTTPS, insecureTLS("h2"), 0)
	for i := range readers {
		c.get(downloadPath(g.stock.large[i%raidedCount]))
	}
	return c
}

// takeNothing makes the requests and reads no byte of the answers.
func takeNothing(ask askAll) raid {
	return func(ctx context.Context, t *testing.T, g *guarded) func() {
		ask(ctx, t, g)
		return func() {}
	}
}

// takeByteByByte makes the requests and reads ten bytes a second of every answer.
func takeByteByByte(ask askAll) raid {
	return func(ctx context.Context, t *testing.T, g *guarded) func() {
		c := ask(ctx, t, g)
		var wg sync.WaitGroup
		wg.Go(func() {
			for ; ctx.Err() == nil; time.Sleep(pace) {
				c.open(1)
			}
		})
		return onceEnded(ctx, &wg)
	}
}

// readNothing requests large torrents over HTTP/1.1, each on a new connection, and sends half of
// a second request after each. It reads nothing.
func readNothing(secure bool) raid {
	return func(ctx context.Context, t *testing.T, g *guarded) func() {
		addr := g.HTTP
		if secure {
			addr = g.HTTPS
		}
		var wg sync.WaitGroup
		for i := range readers {
			conn := connectNarrowly(ctx, t, addr)
			wg.Go(func() { // the handshakes take turns on the server
				if secure {
					conn = tls.Client(conn, insecureTLS("http/1.1"))
				}
				_, _ = io.WriteString(conn, "GET "+downloadPath(g.stock.large[i%raidedCount])+" HTTP/1.1\r\nHost: a\r\n\r\n"+
					"GET "+downloadPath(g.stock.large[(i+1)%raidedCount])+" HTTP/1.1\r\nHo") // the server may have had enough
			})
		}
		return wg.Wait
	}
}

// connectNarrowly connects until ctx ends, with a small receive buffer.
func connectNarrowly(ctx context.Context, t *testing.T, addr string) net.Conn {
	t.Helper()
	dialer := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: raider}, Timeout: patience,
		Control: func(_, _ string, c syscall.RawConn) (err error) {
			_ = c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
			return err
		},
	}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn
}

// readManyInTurn requests more torrents than the cache holds, each three times: in turn by HEAD
// and by GET, and by HEAD three times in a row, as if all were popular.
func readManyInTurn(ctx context.Context, _ *testing.T, g *guarded) func() {
	var wg sync.WaitGroup
	askInTurn := func(method string, index func(i int) int) {
		wg.Go(func() {
			client := raidingClient()
			defer client.CloseIdleConnections()
			for i := range 3 * mediumCount {
				ask(ctx, client, method, "http://"+g.HTTP+downloadPath(g.stock.medium[index(i)]))
			}
		})
	}
	inTurn := func(i int) int { return i % mediumCount }
	askInTurn(http.MethodHead, inTurn)
	askInTurn(http.MethodGet, inTurn)
	askInTurn(http.MethodHead, func(i int) int { return i / 3 })
	return wg.Wait
}

// ask makes a request and discards the answer.
func ask(ctx context.Context, client *http.Client, method, url string) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return
	}
	if resp, err := client.Do(req); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// raidingClient makes requests from the raider's address.
func raidingClient() *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: raider}}
	return &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dialer.DialContext}}
}

// describeAndLeave requests the descriptions of torrents with very long ones, and closes each
// connection as soon as the request is sent.
func describeAndLeave(ctx context.Context, t *testing.T, g *guarded) func() {
	for range 40 {
		for _, hash := range g.stock.wordy {
			conn := connect(t, raider, g.HTTP)
			_, _ = io.WriteString(conn, "GET /v1/torrents/"+hash+"/info?filePageSize=10000 HTTP/1.1\r\nHost: a\r\n\r\n")
			_ = conn.Close()
		}
	}
	return func() {}
}

// describeAndTakeNothing requests the same descriptions by gRPC and reads no byte of the answers.
func describeAndTakeNothing(ctx context.Context, t *testing.T, g *guarded) func() {
	c := dialHTTP2(ctx, t, g.GRPC, nil, 0)
	for range 40 {
		for _, hash := range g.stock.wordy {
			c.call(torrentcachev1.CacheService_DescribeTorrent_FullMethodName,
				&torrentcachev1.DescribeTorrentRequest{InfoHash: hash, FilePageSize: 10_000})
		}
	}
	return func() {}
}

// connectIdly opens one and a half times as many connections as the limit allows by default. On
// every other connection it sends half of a request's header.
func connectIdly(ctx context.Context, t *testing.T, g *guarded) func() {
	const memory, share = 32 << 10, 8 // bytes that a connection counts for; connections get 1/share of the limit
	for i := range g.limit / share / memory * 3 / 2 {
		conn := connectNarrowly(ctx, t, g.HTTP)
		if i%2 == 0 {
			_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHo") // the server may have had enough
		}
	}
	return func() {}
}
