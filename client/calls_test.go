package client_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func TestCacheGetMissing(t *testing.T) {
	s := startServer(t)
	c, ctx := s.dial(client.Options{}), context.Background()
	torrent := torrenttest.Hybrid("a")
	answer, err := c.Cache(ctx, gzipped(torrent))
	if err != nil || answer.GetOutcome() != torrentcachev1.Outcome_OUTCOME_CREATED {
		t.Fatalf("%v, %v", answer, err)
	}
	for _, hash := range []string{answer.GetInfoHashV1(), answer.GetInfoHashV2(), answer.GetInfoHashV2()[:40]} {
		id, err := infohash.Parse(hash)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Get(ctx, id); err != nil || !slices.Equal(got, torrent) {
			t.Errorf("%s: %v", hash, err)
		}
	}
	absent := infohash.V1([20]byte{1})
	if _, err := c.Get(ctx, absent); client.Reason(err) != "TORRENT_NOT_FOUND" {
		t.Errorf("absent: %v", err)
	}
	ids := slices.Repeat([]infohash.ID{absent, idOf(t, torrent)}, 11_000)
	if missing, err := c.Missing(ctx, ids); err != nil || len(missing) != 11_000 || missing[0] != absent {
		t.Errorf("%d missing, %v", len(missing), err)
	}
}

func TestDescribeGathersThePages(t *testing.T) {
	s := startServer(t)
	var files []torrenttest.File
	for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		files = append(files, torrenttest.File{Path: name, Data: []byte(name)})
	}
	torrent := torrenttest.V1("many", files...)
	push(t, s, client.PushOptions{}, torrent)
	for most, want := range map[int]int{0: 1, 1: 1, 25: 25, 26: 26, 1000: 26} {
		d, err := s.dial(client.Options{}).Describe(context.Background(), idOf(t, torrent), most)
		if err != nil || len(d.GetFiles()) != want || d.GetFileCount() != 26 {
			t.Errorf("at most %d: %d of %d files, %v", most, len(d.GetFiles()), d.GetFileCount(), err)
		}
	}
}

// strange is a server of another make.
type strange struct {
	torrentcachev1.UnimplementedCacheServiceServer
	torrent []byte
	refuse  atomic.Int64 // how many items are told to come later
	full    bool         // for ever
	deny    codes.Code
	tokens  chan string
}

func (s *strange) start(t *testing.T) *client.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	torrentcachev1.RegisterCacheServiceServer(g, s)
	go g.Serve(l)
	t.Cleanup(g.Stop)
	c, err := client.Dial(l.Addr().String(), client.Options{Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (s *strange) GetTorrent(ctx context.Context, _ *torrentcachev1.GetTorrentRequest) (*torrentcachev1.GetTorrentResponse, error) {
	if s.tokens != nil {
		md, _ := metadata.FromIncomingContext(ctx)
		s.tokens <- strings.Join(md.Get("authorization"), ",")
	}
	return &torrentcachev1.GetTorrentResponse{Torrent: s.torrent}, nil
}

func (s *strange) FindMissingTorrents(_ context.Context, req *torrentcachev1.FindMissingTorrentsRequest) (*torrentcachev1.FindMissingTorrentsResponse, error) {
	if s.deny != codes.OK {
		return nil, status.Error(s.deny, "no")
	}
	return &torrentcachev1.FindMissingTorrentsResponse{MissingInfoHashes: req.GetInfoHashes()}, nil
}

func (s *strange) CacheTorrents(stream grpc.BidiStreamingServer[torrentcachev1.CacheTorrentsRequest, torrentcachev1.CacheTorrentsResponse]) error {
	for {
		item, err := stream.Recv()
		if err != nil {
			return nil
		}
		answer := &torrentcachev1.CacheTorrentsResponse{ItemId: item.GetItemId()}
		if s.full || s.refuse.Add(-1) >= 0 {
			answer.Result = &torrentcachev1.CacheTorrentsResponse_Error{Error: &torrentcachev1.ItemError{Reason: string(reason.StorageFull)}}
		} else {
			answer.Result = &torrentcachev1.CacheTorrentsResponse_Cached{Cached: &torrentcachev1.CacheTorrentResponse{Outcome: torrentcachev1.Outcome_OUTCOME_CREATED}}
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

func TestGetDoesNotTrustTheServer(t *testing.T) {
	for name, torrent := range map[string][]byte{"another torrent": torrenttest.V1("b"), "no torrent": []byte("oops")} {
		c := (&strange{torrent: torrent}).start(t)
		if got, err := c.Get(context.Background(), idOf(t, torrenttest.V1("a"))); client.Reason(err) != "TORRENT_DAMAGED" {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestTheTokenGoesWithEachCall(t *testing.T) {
	s := &strange{tokens: make(chan string, 1)}
	_, _ = s.start(t).Get(context.Background(), infohash.V1([20]byte{1}))
	if token := <-s.tokens; token != "Bearer secret" {
		t.Errorf("%q", token)
	}
}

// If the server asks for items later, the push sends them again over the next stream.
func TestPushRepeatsItemsThatAreToldToComeLater(t *testing.T) {
	s := &strange{}
	s.refuse.Store(5)
	r, waited := &results{}, atomic.Int64{}
	o := client.PushOptions{Result: r.add, Waiting: func(error, time.Duration) { waited.Add(1) }}
	if err := s.start(t).Push(context.Background(), items(some(40, 500)...), o); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, r, map[client.Status]int{client.New: 40})
	if waited.Load() == 0 {
		t.Error("there was no pause")
	}
}

func TestPushGivesUpOnAServerThatStaysFull(t *testing.T) {
	err := (&strange{full: true}).start(t).Push(context.Background(), items(some(3, 500)...), client.PushOptions{Patience: time.Millisecond})
	if client.Reason(err) != "STORAGE_FULL" {
		t.Errorf("%v", err)
	}
}

func TestPushEndsAtOnceWhereItIsNotLetIn(t *testing.T) {
	for code, want := range map[codes.Code]string{
		codes.Unauthenticated: "UNAUTHENTICATED", codes.PermissionDenied: "PERMISSION_DENIED", codes.Unimplemented: "UNIMPLEMENTED",
	} {
		waited := false
		err := (&strange{deny: code}).start(t).Push(context.Background(), items(some(3, 500)...),
			client.PushOptions{Waiting: func(error, time.Duration) { waited = true }})
		if client.Reason(err) != want || waited {
			t.Errorf("%s: %v, waited %v", code, err, waited)
		}
	}
}
