//go:build e2e

package test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// TestServerSurvivesKills kills a server with SIGKILL under load, again and again on the same
// folder. After each start every torrent that was ever acknowledged reads back byte for byte, and
// every acknowledged removal is in force.
func TestServerSurvivesKills(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rounds := 12
	if os.Getenv("TORRENTCACHE_TEST_LONG") != "" {
		rounds = 200
	}
	u := &underFire{server: startServer(t, "--log-level", "error"), known: map[uint64]fate{}}
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range rounds {
		acknowledged := u.loadAndKill(t, 1+random.IntN(400))
		u.server.start(t, u.server.cmd.Args[1:])
		u.check(t)
		if t.Failed() {
			t.Fatalf("in round %d, of %d acknowledged uploads and removals", round+1, acknowledged)
		}
	}
	if removed := u.count(gone); removed == 0 || u.count(stored) < rounds {
		t.Errorf("after %d rounds %d torrents and %d removals are acknowledged: the load did not work", rounds, u.count(stored), removed)
	}
	t.Logf("%d rounds, %d torrents, %d removals", rounds, u.count(stored), u.count(gone))
}

// fate is the required state of a torrent.
type fate int

const (
	stored  fate = iota + 1 // the upload was acknowledged
	gone                    // the removal was acknowledged
	unclear                 // the removal was sent, and the server was killed
)

// underFire is a server that is killed, and everything it has acknowledged.
type underFire struct {
	server *server
	next   atomic.Uint64 // the number of the next torrent

	mu    sync.Mutex
	known map[uint64]fate // by the torrents' numbers
}

// numbered returns the torrent with a number. Sizes are from 500 bytes to 60 kB.
func numbered(n uint64) []byte {
	return torrenttest.Random(n, 500+int(n*7919%60_000))
}

func (u *underFire) count(want fate) (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, f := range u.known {
		if f == want {
			n++
		}
	}
	return n
}

func (u *underFire) note(n uint64, f fate) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.known[n] = f
}

// loadAndKill loads the server from all sides, kills it when it has acknowledged that many calls,
// and returns the number of acknowledged calls.
func (u *underFire) loadAndKill(t *testing.T, calls int) int64 {
	t.Helper()
	var acknowledged atomic.Int64
	enough := make(chan struct{})
	var once sync.Once
	acknowledge := func(n uint64, f fate) {
		u.note(n, f)
		if acknowledged.Add(1) >= int64(calls) {
			once.Do(func() { close(enough) })
		}
	}
	conn := dialPort(t, u.server.GRPC)
	defer conn.Close()
	adminConn := dialPort(t, u.server.Admin)
	defer adminConn.Close()
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() { u.uploadByGRPC(t, torrentcachev1.NewCacheServiceClient(conn), acknowledge) })
		load.Go(func() { u.uploadByForm(t, acknowledge) })
	}
	load.Go(func() { u.uploadByStream(t, torrentcachev1.NewCacheServiceClient(conn), acknowledge) })
	load.Go(func() { u.remove(t, torrentcachev1.NewAdminServiceClient(adminConn), acknowledge) })
	select {
	case <-enough:
	case <-time.After(patience):
		t.Errorf("only %d calls were acknowledged", acknowledged.Load())
	}
	u.server.stop(t, syscall.SIGKILL)
	load.Wait()
	return acknowledged.Load()
}

func dialPort(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// killed reports whether err shows that the server was killed. It fails the test on any other
// error.
func killed(t *testing.T, err error) bool {
	if err != nil && status.Code(err) != codes.Unavailable {
		t.Errorf("under load: %v", err)
	}
	return err != nil
}

func (u *underFire) uploadByGRPC(t *testing.T, cache torrentcachev1.CacheServiceClient, acknowledge func(uint64, fate)) {
	for {
		n := u.next.Add(1)
		_, err := cache.CacheTorrent(context.Background(), &torrentcachev1.CacheTorrentRequest{Torrent: numbered(n)})
		if killed(t, err) {
			return
		}
		acknowledge(n, stored)
	}
}

// uploadByForm uploads as scripts from 2010 do.
func (u *underFire) uploadByForm(t *testing.T, acknowledge func(uint64, fate)) {
	for {
		n := u.next.Add(1)
		torrent := numbered(n)
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, _ := form.CreateFormFile("torrent", "x.torrent") // into memory
		part.Write(torrent)
		form.Close()
		resp, err := http.Post("http://"+u.server.HTTP+"/autoupload.php", form.FormDataContentType(), &body)
		if err != nil {
			return // killed
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return
		}
		if resp.StatusCode != http.StatusOK || strings.TrimSpace(string(answer)) != hashOfTorrent(t, torrent) {
			t.Errorf("the form answered %d %s", resp.StatusCode, answer)
			return
		}
		acknowledge(n, stored)
	}
}

// uploadByStream keeps several uploads in flight, as push does.
func (u *underFire) uploadByStream(t *testing.T, cache torrentcachev1.CacheServiceClient, acknowledge func(uint64, fate)) {
	stream, err := cache.CacheTorrents(context.Background())
	if killed(t, err) {
		return
	}
	const onTheWay = 32
	free := make(chan struct{}, onTheWay)
	over := make(chan struct{})
	go func() {
		for {
			select {
			case free <- struct{}{}:
			case <-over:
				return
			}
			n := u.next.Add(1)
			// Recv returns the same error as Send.
			if stream.Send(&torrentcachev1.CacheTorrentsRequest{ItemId: n, Torrent: numbered(n)}) != nil {
				return
			}
		}
	}()
	defer close(over)
	for {
		answer, err := stream.Recv()
		if killed(t, err) {
			return
		}
		if answer.GetError() != nil {
			t.Errorf("the stream answered %v", answer)
			return
		}
		acknowledge(answer.GetItemId(), stored)
		<-free
	}
}

// remove removes stored torrents, at a lower rate than they are uploaded.
func (u *underFire) remove(t *testing.T, admin torrentcachev1.AdminServiceClient, acknowledge func(uint64, fate)) {
	for {
		n, ok := u.pick()
		if !ok {
			if _, err := admin.GetStats(context.Background(), &torrentcachev1.GetStatsRequest{}); killed(t, err) {
				return
			}
			continue
		}
		u.note(n, unclear)
		_, err := admin.RemoveTorrent(context.Background(), &torrentcachev1.RemoveTorrentRequest{
			InfoHash: hashOfTorrent(t, numbered(n)), Reason: "test", Erase: n%4 == 0})
		if killed(t, err) {
			return
		}
		acknowledge(n, gone)
	}
}

// pick returns a stored torrent, or false if too many are removed.
func (u *underFire) pick() (uint64, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	notStored := 0
	for _, f := range u.known {
		if f != stored {
			notStored++
		}
	}
	if notStored*10 >= len(u.known) {
		return 0, false
	}
	for n, f := range u.known {
		if f == stored {
			return n, true
		}
	}
	return 0, false
}
