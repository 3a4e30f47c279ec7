package callers_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/torrentcache/torrentcache/gateway/callers"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// servers answer DescribeServer as tests say, and count how often they were asked.
type servers struct {
	grpc.ClientConnInterface
	mu    sync.Mutex
	asked int
	// byAddress makes the name of a caller that of its address, not that of its key.
	byAddress bool
	err       error
	hang      bool // until the caller leaves
}

func (s *servers) Invoke(ctx context.Context, method string, _, reply any, _ ...grpc.CallOption) error {
	if !strings.HasSuffix(method, "/DescribeServer") {
		return errors.New("another call")
	}
	s.mu.Lock()
	s.asked++
	hang, err, byAddress := s.hang, s.err, s.byAddress
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	shown, _ := metadata.FromOutgoingContext(ctx)
	key := strings.Join(shown.Get("authorization"), "")
	if err == nil && key == "Bearer wrong" {
		err = reason.New(reason.Unauthenticated, "the key is not known here").GRPCStatus().Err()
	}
	answer := reply.(*torrentcachev1.DescribeServerResponse)
	answer.CallerName, answer.KnowsAddresses = "key "+key, byAddress
	if byAddress {
		answer.CallerName = "at " + strings.Join(shown.Get("x-forwarded-for"), "")
	}
	return err
}

func (s *servers) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *servers) wantAsked(t *testing.T, want int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked != want {
		t.Errorf("the servers were asked %d times, want %d", s.asked, want)
	}
}

func at(address, key string) access.Credentials {
	c := access.Credentials{Addr: netip.MustParseAddr(address)}
	if key != "" {
		c.Authorization = "Bearer " + key
	}
	return c
}

func wantName(t *testing.T, c *callers.Callers, who access.Credentials, want string) {
	t.Helper()
	if got, err := c.NameOf(who); got != want || err != nil {
		t.Errorf("%v: %q, %v, want %q", who, got, err, want)
	}
}

// An answer is kept for a while, for all callers with the same credentials, from any address.
func TestAnswersAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{}
		c := callers.New(s)
		wantName(t, c, at("192.0.2.1", "a"), "key Bearer a") // the answer says that addresses do not count
		for range 3 {
			wantName(t, c, at("192.0.2.1", "a"), "key Bearer a")
			wantName(t, c, at("192.0.2.2", "a"), "key Bearer a")
			wantName(t, c, at("192.0.2.2", ""), "key ")
		}
		s.wantAsked(t, 3)
		other := at("192.0.2.2", "")
		other.OtherSite = true
		wantName(t, c, other, "key ")
		s.wantAsked(t, 4)
		time.Sleep(11 * time.Second)
		wantName(t, c, at("192.0.2.1", "a"), "key Bearer a")
		s.wantAsked(t, 5)
	})
}

// Where addresses have names, no caller gets the name of another address. That holds from the
// moment at which they begin to have names.
func TestNamesOfAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{byAddress: true}
		c := callers.New(s)
		for range 2 {
			wantName(t, c, at("192.0.2.1", ""), "at 192.0.2.1")
			wantName(t, c, at("192.0.2.2", ""), "at 192.0.2.2")
		}
		s.wantAsked(t, 2)
		s.set(func() { s.byAddress = false })
		time.Sleep(11 * time.Second)
		wantName(t, c, at("192.0.2.1", ""), "key ")
		wantName(t, c, at("192.0.2.2", ""), "key ")
		s.set(func() { s.byAddress = true })
		time.Sleep(11 * time.Second)
		var all sync.WaitGroup
		for n := range 20 {
			address := fmt.Sprint("192.0.2.", n)
			all.Go(func() { wantName(t, c, at(address, ""), "at "+address) })
		}
		all.Wait()
	})
}

// A refusal is returned, but not kept: the key may be known a moment later.
func TestAWrongKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{}
		c := callers.New(s)
		for range 3 {
			name, err := c.NameOf(at("192.0.2.1", "wrong"))
			if refused := reason.Of(err); name != "" || refused == nil || refused.Reason != reason.Unauthenticated {
				t.Errorf("%q, %v", name, err)
			}
		}
		s.wantAsked(t, 3)
	})
}

// Servers that are away are asked once a second, and nobody is refused for them. Those that are
// too old to answer are not away.
func TestServersThatDoNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{err: status.Error(codes.Unavailable, "no")}
		c := callers.New(s)
		for range 5 {
			wantName(t, c, at("192.0.2.1", "a"), "")
		}
		s.wantAsked(t, 1)
		s.set(func() { s.hang = true })
		time.Sleep(time.Second)
		begin := time.Now()
		wantName(t, c, at("192.0.2.1", "a"), "")
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("it took %s", took)
		}
		s.set(func() { s.hang, s.err = false, status.Error(codes.Unimplemented, "too old") })
		time.Sleep(time.Second)
		wantName(t, c, at("192.0.2.1", "a"), "")
		s.set(func() { s.err = nil })
		wantName(t, c, at("192.0.2.1", "a"), "key Bearer a")
	})
}

// As a connection, Callers answers DescribeServer with kept answers, and passes on all other calls.
func TestConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{}
		client := torrentcachev1.NewCacheServiceClient(callers.New(s))
		for range 3 {
			got, err := client.DescribeServer(t.Context(), &torrentcachev1.DescribeServerRequest{})
			if err != nil || got.GetCallerName() != "key " {
				t.Errorf("%v, %v", got, err)
			}
			got.CallerName = "changed"
		}
		s.wantAsked(t, 2)
		if _, err := client.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{}); err == nil {
			t.Error("another call was not passed on")
		}
	})
}

// The number of kept answers is bounded. The servers are asked again about the oldest callers.
func TestWhatIsKeptIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{}
		c := callers.New(s)
		for n := range 10_002 {
			wantName(t, c, at("192.0.2.1", fmt.Sprint(n)), fmt.Sprint("key Bearer ", n))
		}
		s.wantAsked(t, 10_002)
		wantName(t, c, at("192.0.2.1", "0"), "key Bearer 0")
		s.wantAsked(t, 10_003)
	})
}
