package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/stats"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// answers notes whether an answer was compressed.
type answers struct{ compressed, plain atomic.Int64 }

func (a *answers) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (a *answers) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (a *answers) HandleConn(context.Context, stats.ConnStats) {}

func (a *answers) HandleRPC(_ context.Context, s stats.RPCStats) {
	if header, ok := s.(*stats.InHeader); ok {
		if header.Compression == "gzip" {
			a.compressed.Add(1)
		} else {
			a.plain.Add(1)
		}
	}
}

// compressing is a client that compresses its calls, and the limits of its server.
func compressing(t *testing.T, settings limit.Settings) (torrentcachev1.CacheServiceClient, *limit.Limits, *answers) {
	t.Helper()
	limits, seen := limit.New(settings), &answers{}
	srv := server.New(server.Options{Store: memstore.New(), MaxTorrentSize: servertest.MaxSize, Limits: limits})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := rpc.NewGRPC(rpc.Chain{Limits: limits}, nil, srv.MaxMessageSize(), health.NewServer(), srv.RegisterPublic)
	go s.Serve(l)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(seen), grpc.WithDefaultCallOptions(grpc.UseCompressor("gzip")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Stop()
	})
	return torrentcachev1.NewCacheServiceClient(conn), limits, seen
}

func TestCallsThatAreCompressed(t *testing.T) {
	client, limits, seen := compressing(t, limit.Settings{})
	torrent := torrenttest.Random(1, 100_000)
	cached, err := client.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: cached.GetInfoHash()})
	if err != nil || !bytes.Equal(got.GetTorrent(), torrent) {
		t.Errorf("%d bytes came back: %v", len(got.GetTorrent()), err)
	}
	stream, err := client.CacheTorrents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(stream.Send(&torrentcachev1.CacheTorrentsRequest{ItemId: 7, Torrent: torrenttest.Random(2, 100_000)}), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	if item, err := stream.Recv(); err != nil || item.GetItemId() != 7 || item.GetCached() == nil {
		t.Errorf("%v: %v", item, err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream's end: %v", err)
	}
	if seen.compressed.Load() > 0 || seen.plain.Load() != 3 {
		t.Errorf("%d answers compressed, %d plain", seen.compressed.Load(), seen.plain.Load())
	}
	// A torrent that becomes too large, when the call is decompressed.
	_, err = client.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: make([]byte, 10*servertest.MaxSize)})
	servertest.WantReason(t, err, reason.TorrentTooLarge)
	if n := limits.Stats().Refused["size"]; n != 1 {
		t.Errorf("%d refusals by size are counted", n)
	}
}

func TestStreamsThatAreCompressedEndAtWhatIsTooLarge(t *testing.T) {
	client, _, _ := compressing(t, limit.Settings{})
	stream, err := client.CacheTorrents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&torrentcachev1.CacheTorrentsRequest{ItemId: 7, Torrent: make([]byte, 10*servertest.MaxSize)}); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	servertest.WantReason(t, err, reason.TorrentTooLarge)
}

// Inflating takes memory from the budget of uploads before it is spent.
func TestCallsThatAreCompressedNeedMemory(t *testing.T) {
	client, limits, _ := compressing(t, limit.Settings{Memory: 1 << 20})
	_, err := client.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.Random(1, 10_000)})
	servertest.WantReason(t, err, reason.Overloaded)
	if n := limits.Stats().Refused["memory"]; n != 1 {
		t.Errorf("%d refusals by memory are counted", n)
	}
}

// notGzip is a client's compressor that is none.
type notGzip struct{ encoding.Compressor }

type copier struct{ io.Writer }

func (copier) Close() error { return nil }

func (notGzip) Compress(w io.Writer) (io.WriteCloser, error) { return copier{w}, nil }

func TestCallsWhoseCompressionIsDamaged(t *testing.T) {
	real := encoding.GetCompressor("gzip")
	encoding.RegisterCompressor(notGzip{real})
	defer encoding.RegisterCompressor(real)
	client, _, _ := compressing(t, limit.Settings{})
	_, err := client.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("a")})
	servertest.WantReason(t, err, reason.RequestInvalid)
}
