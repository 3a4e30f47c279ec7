//go:build e2e

package test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// pace is the pause of attackers between two actions. Real attackers are many and far away; these
// must not use the CPU time of the measured server.
const pace = 100 * time.Millisecond

func nothing(*testing.T, *server) {}

// drip opens n connections that send head at once and then one byte after the other without end.
// stop waits until the server has cut all of them.
func drip(t *testing.T, n int, to, head string) (stop func()) {
	var wg sync.WaitGroup
	for i := range n {
		c := connect(t, attacker(i/200), to)
		wg.Go(func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			_, err := io.WriteString(c, head)
			for ; err == nil; time.Sleep(pace) {
				_, err = io.WriteString(c, "a")
			}
		})
	}
	return wg.Wait
}

func TestAttackSlowHeaders(t *testing.T) {
	t.Parallel()
	underAttack(t, little, func(t *testing.T, s *server) func() {
		return drip(t, 1000, s.HTTP, "GET / HTTP/1.1\r\nHost: a\r\nX: ")
	}, nothing, "--max-connections", "2000", "--header-timeout", "3s")
}

func TestAttackSlowBodies(t *testing.T) {
	t.Parallel()
	underAttack(t, little, func(t *testing.T, s *server) func() {
		return drip(t, 1000, s.HTTP, "POST /v1/torrents HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-bittorrent\r\nContent-Length: 9000000\r\n\r\n")
	}, func(t *testing.T, s *server) {
		if s.refused(t, "uploads_per_address") == 0 {
			t.Error("1000 uploads from 5 addresses are all let in")
		}
	}, "--max-connections", "2000", "--body-timeout", "3s")
}

func TestAttackIdleConnections(t *testing.T) {
	t.Parallel()
	const count = 4000
	underAttack(t, some, func(t *testing.T, s *server) func() {
		conns := make([]net.Conn, count)
		for i := range conns {
			conns[i] = connect(t, attacker(i/200), s.HTTP)
			if _, err := io.WriteString(conns[i], "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range conns { // each has an answer and is idle
			if _, err := c.Read(make([]byte, 1024)); err != nil {
				t.Fatal(err)
			}
		}
		return func() {
			for _, c := range conns {
				_ = c.Close()
			}
		}
	}, func(t *testing.T, s *server) {
		if open := s.metric(t, "torrentcache_connections"); open < count {
			t.Errorf("%g connections are open, want %d", open, count)
		}
	}, "--max-connections", "4500")
}

// One address gets its share of the connections, and all addresses together get theirs.
func TestAttackTooManyConnections(t *testing.T) {
	t.Parallel()
	underAttack(t, little, func(t *testing.T, s *server) func() {
		var conns []net.Conn
		for i := range 1500 {
			conns = append(conns, connect(t, attacker(i/500), s.HTTP))
		}
		return func() {
			for _, c := range conns {
				_ = c.Close()
			}
		}
	}, func(t *testing.T, s *server) {
		if open := s.metric(t, "torrentcache_connections"); open > 3*100+10 {
			t.Errorf("%g connections are open from 3 addresses with 100 each", open)
		}
	}, "--connections-per-address", "100")
}

// Uploads of 9 MB that stop after 5 MB, by HTTP and by gRPC; together they would take a gigabyte.
func TestAttackHalfSentUploads(t *testing.T) {
	t.Parallel()
	half := make([]byte, 5_000_000)
	underAttack(t, little, func(t *testing.T, s *server) func() {
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 100 {
			wg.Go(func() {
				for ; ctx.Err() == nil; time.Sleep(pace) {
					halfSentRequest(ctx, connect(t, attacker(i/20), s.HTTP), half)
				}
			})
			wg.Go(func() {
				for ; ctx.Err() == nil; time.Sleep(pace) {
					halfSentCall(ctx, s.GRPC, attacker(i/20), half)
				}
			})
		}
		return func() { cancel(); wg.Wait() }
	}, func(t *testing.T, s *server) {
		if s.refused(t, "memory") == 0 {
			t.Error("a gigabyte of uploads is let in")
		}
	}, "--body-timeout", "10s", "--upload-wait", "1s")
}

// halfSentRequest sends part of 9 MB, and waits until the server cuts the connection.
func halfSentRequest(ctx context.Context, c net.Conn, part []byte) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	_, _ = io.WriteString(c, "POST /v1/torrents HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-bittorrent\r\nContent-Length: 9000000\r\n\r\n")
	_, _ = c.Write(part)
	_, _ = io.Copy(io.Discard, c)
}

// rawBytes is a codec for messages that are already encoded.
type rawBytes struct{}

func (rawBytes) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (rawBytes) Unmarshal([]byte, any) error   { return nil }
func (rawBytes) Name() string                  { return "proto" }

// halfSentCall sends only part of a message of 9 MB on a plain HTTP/2 connection.
func halfSentCall(ctx context.Context, addr string, from net.IP, part []byte) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	var stall stalling
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, "tcp", addr)
			return &stallingConn{c, &stall}, err
		}), grpc.WithDefaultCallOptions(grpc.ForceCodec(rawBytes{})))
	if err != nil {
		return
	}
	defer conn.Close()
	stall.after.Store(int64(len(part)))
	method := torrentcachev1.CacheService_CacheTorrent_FullMethodName
	_ = conn.Invoke(ctx, method, make([]byte, 9_000_000), new([]byte)) // the call must fail
}

// stalling is the number of bytes after which connections write no more.
type stalling struct{ after atomic.Int64 }

type stallingConn struct {
	net.Conn
	stall *stalling
}

// Write implements [net.Conn]. After the limit it blocks until the connection ends.
func (c *stallingConn) Write(p []byte) (int, error) {
	if c.stall.after.Add(-int64(len(p))) > 0 {
		return c.Conn.Write(p)
	}
	_, err := io.Copy(io.Discard, struct{ io.Reader }{c.Conn})
	return 0, err
}

// bombs are compressed uploads of a few kilobytes that would become 200 MB.
func bombs(t *testing.T) [][]byte {
	t.Helper()
	zeros := io.LimitReader(zeroReader{}, 200<<20)
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := io.Copy(w, zeros); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	pack := exec.Command("bzip2", "-c")
	pack.Stdin = io.LimitReader(zeroReader{}, 200<<20)
	bz, err := pack.Output()
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{gz.Bytes(), bz}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// 64 concurrent bombs from 64 addresses, again and again.
func TestAttackBombs(t *testing.T) {
	t.Parallel()
	bombs := bombs(t)
	var refused atomic.Int64
	underAttack(t, little, func(t *testing.T, s *server) func() {
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 64 {
			wg.Go(func() {
				c := attackingClient(i)
				defer c.CloseIdleConnections()
				for ctx.Err() == nil {
					switch status, _ := attackUpload(ctx, c, s.HTTP, bombs[i%2]); status {
					case 413, 429, 503:
						refused.Add(1)
					case 0: // the attack is over
					default:
						t.Errorf("a bomb is answered with %d", status)
						return
					}
				}
			})
		}
		return func() { awaitAny(t, &refused); cancel(); wg.Wait() }
	}, nothing, "--upload-wait", "1s")
}

// awaitAny lets an attack go on until something was refused.
func awaitAny(t *testing.T, refused *atomic.Int64) {
	t.Helper()
	for deadline := time.Now().Add(patience); refused.Load() == 0; time.Sleep(pace / 20) {
		if t.Failed() || time.Now().After(deadline) {
			t.Error("nothing was refused")
			return
		}
	}
}

// A flood of distinct torrents from one address. The server accepts the allowed number, and
// refuses the rest with a time to retry.
func TestAttackFlood(t *testing.T) {
	t.Parallel()
	var created, refused, sent atomic.Int64
	underAttack(t, little, func(t *testing.T, s *server) func() {
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for range 16 {
			wg.Go(func() {
				c := attackingClient(0)
				defer c.CloseIdleConnections()
				for ; ctx.Err() == nil; time.Sleep(pace / 20) {
					torrent := torrenttest.Random(1e6+uint64(sent.Add(1)), 20_000)
					switch status, after := attackUpload(ctx, c, s.HTTP, torrent); {
					case status == 201:
						created.Add(1)
					case status == 429 && after != "":
						refused.Add(1)
					case status != 0:
						t.Errorf("an upload is answered with %d", status)
						return
					}
				}
			})
		}
		return func() { awaitAny(t, &refused); cancel(); wg.Wait() }
	}, nothing, "--new-bytes-per-hour", "2MB")
	if n := created.Load(); n == 0 || n > 100 {
		t.Errorf("%d torrents of 20 kB are stored, want as many as 2 MB hold", n)
	}
}
