//go:build e2e

package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// errComeAgain is a refusal that says when to try again.
var errComeAgain = errors.New("refused for now")

// guests are honest clients at another address than the raid's. Again and again they download a
// small torrent by HTTP and by gRPC, on new connections.
type guests struct {
	server *guarded
	done   chan struct{} // closed when the guests have stopped

	mu      sync.Mutex
	rounds  int           // rounds in which a torrent was downloaded each way
	refused int           // refused, or cut where connections are scarce
	slowest time.Duration // the longest time of a round
	problem error
}

// invite starts guests, which stop when ctx ends.
func invite(ctx context.Context, s *guarded) *guests {
	g := &guests{server: s, done: make(chan struct{})}
	go func() {
		defer close(g.done)
		for g.round(ctx) {
			time.Sleep(pace / 2)
		}
	}()
	return g
}

// round downloads a torrent each way, and reports whether that succeeded.
func (g *guests) round(ctx context.Context) bool {
	begun, refused := time.Now(), 0
	for name, get := range map[string]func(context.Context) error{"HTTP": g.getByHTTP, "gRPC": g.getByGRPC} {
		limited, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err := get(limited)
		for ; (errors.Is(err, errComeAgain) || g.server.crowded && err != nil) && limited.Err() == nil; err = get(limited) {
			refused++
			time.Sleep(pace)
		}
		if ctx.Err() != nil {
			return false
		}
		if err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.problem = fmt.Errorf("by %s after %s and %d refusals: %w", name, time.Since(begun), refused, err)
			return false
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rounds++
	g.refused += refused
	g.slowest = max(g.slowest, time.Since(begun))
	return true
}

// awaitRound waits until the guests have completed a round that began after the call.
func (g *guests) awaitRound(t *testing.T) {
	t.Helper()
	for first := -1; ; time.Sleep(10 * time.Millisecond) {
		g.mu.Lock()
		rounds, problem := g.rounds, g.problem
		g.mu.Unlock()
		if first < 0 {
			first = rounds
		}
		if rounds >= first+2 || problem != nil { // the first may have begun before
			return
		}
	}
}

// leave waits until the guests have stopped, after their context has ended, and returns a
// summary. It fails the test if the guests were not served.
func (g *guests) leave(t *testing.T) string {
	t.Helper()
	<-g.done
	if g.problem != nil {
		t.Errorf("meanwhile others were not served: %v", g.problem)
	}
	return fmt.Sprintf("%d rounds, %d refusals, the slowest round took %s", g.rounds, g.refused, g.slowest.Round(time.Millisecond))
}

// guestDialer connects from the guests' address.
var guestDialer = net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}

func (g *guests) getByHTTP(ctx context.Context) error {
	small := g.server.stock.small
	client := http.Client{Transport: &http.Transport{DialContext: guestDialer.DialContext, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.server.HTTP+small.path(), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
		return errComeAgain
	case resp.StatusCode != http.StatusOK || !bytes.Equal(body, small.torrent):
		return fmt.Errorf("%s and %d bytes: %.100q", resp.Status, len(body), body)
	}
	return nil
}

func (g *guests) getByGRPC(ctx context.Context) error {
	small := g.server.stock.small
	conn, err := grpc.NewClient("passthrough:///"+g.server.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return guestDialer.DialContext(ctx, "tcp", addr)
		}))
	if err != nil {
		return err
	}
	defer conn.Close()
	resp, err := torrentcachev1.NewCacheServiceClient(conn).GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{InfoHash: small.hash})
	switch {
	case status.Code(err) == codes.Unavailable && saysWhen(err):
		return errComeAgain
	case err == nil && !bytes.Equal(resp.GetTorrent(), small.torrent):
		return fmt.Errorf("%d bytes that are not the torrent", len(resp.GetTorrent()))
	}
	return err
}

// saysWhen reports whether the error of a call says when to try again.
func saysWhen(err error) bool {
	for _, detail := range status.Convert(err).Details() {
		if _, ok := detail.(*errdetails.RetryInfo); ok {
			return true
		}
	}
	return false
}
