// Package callers tells a door, whose servers are on other machines, the names of its callers and
// which uploads the servers accept. The servers have the keys, so the door asks one of them by
// DescribeServer.
//
// Answers are kept for ten seconds, because each page, path with a key and line of the access log
// needs one. They permit nothing: the servers decide on each call themselves. A refusal of a key
// is not kept, so that a new key works as soon as a server knows it.
package callers

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
)

const (
	// keepTime is how long an answer is kept, and maxKept how many are: a megabyte or two.
	keepTime = 10 * time.Second
	maxKept  = 10_000

	// askTime is how long a caller waits for the servers. Pages do without their answer.
	askTime = 2 * time.Second
)

// Callers is a connection to the servers that keeps the answer of DescribeServer to each caller. It
// is safe for concurrent use.
type Callers struct {
	grpc.ClientConnInterface
	asks flight.Group[caller, *torrentcachev1.DescribeServerResponse]
	away flight.Breaker

	// ignoresAddresses reports whether, by the last answer, the address of a caller does not
	// matter.
	ignoresAddresses atomic.Bool

	mu   sync.Mutex
	kept map[caller]kept // guarded by mu
}

// kept is an answer, which never changes, and the uptime until which it may be used.
type kept struct {
	answer *torrentcachev1.DescribeServerResponse
	until  time.Duration
}

// New returns Callers of the servers that conn reaches.
func New(conn grpc.ClientConnInterface) *Callers {
	return &Callers{ClientConnInterface: conn, kept: map[caller]kept{}}
}

// NameOf returns the name by which the servers know a caller. It returns "" if they do not answer,
// or are too old to say. The error UNAUTHENTICATED says that the caller sent a key that the
// servers do not know.
func (c *Callers) NameOf(known access.Credentials) (name string, err error) {
	answer, err := c.describe(httpx.WithCredentials(context.Background(), known))
	if refused := reason.Of(err); refused != nil && refused.Reason == reason.Unauthenticated {
		return "", refused
	}
	return answer.GetCallerName(), nil
}

// Invoke implements [grpc.ClientConnInterface].
func (c *Callers) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	into, ok := reply.(*torrentcachev1.DescribeServerResponse)
	if !ok {
		return c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	}
	answer, err := c.describe(ctx)
	if err == nil {
		proto.Merge(into, answer)
	}
	return err
}

// describe returns the kept answer to the caller of ctx, or asks a server for one.
func (c *Callers) describe(ctx context.Context) (*torrentcachev1.DescribeServerResponse, error) {
	anywhere := c.ignoresAddresses.Load()
	who := callerOf(ctx, anywhere)
	if answer := c.find(who); answer != nil {
		return answer, nil
	}
	if c.away.Open() {
		return nil, status.Error(codes.Unavailable, "no server has answered")
	}
	answer, err := c.asks.Do(ctx, who, func() (*torrentcachev1.DescribeServerResponse, error) { return c.ask(ctx) },
		func(answer *torrentcachev1.DescribeServerResponse, err error) { c.keep(who, anywhere, answer, err) })
	if err == nil && anywhere && answer.GetKnowsAddresses() {
		return c.ask(ctx) // the answer may be of a caller at another address
	}
	return answer, err
}

// ask asks a server.
func (c *Callers) ask(ctx context.Context) (*torrentcachev1.DescribeServerResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answer, err := torrentcachev1.NewCacheServiceClient(c.ClientConnInterface).DescribeServer(ctx, &torrentcachev1.DescribeServerRequest{})
	switch code := status.Code(err); {
	case code == codes.Unavailable, code == codes.DeadlineExceeded:
		c.away.Trip()
		return nil, err
	case code != codes.Canceled: // else its caller has left
		c.away.Reset()
	}
	if err == nil {
		c.ignoresAddresses.Store(!answer.GetKnowsAddresses())
	}
	return answer, err
}

// find returns the kept answer to a caller, nil if there is none.
func (c *Callers) find(who caller) *torrentcachev1.DescribeServerResponse {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.kept[who]
	if !ok || found.until < flight.Uptime() {
		return nil
	}
	return found.answer
}

// keep stores the answer to a caller. It stores none if the call failed, or if the server looks at
// addresses and the caller has none.
func (c *Callers) keep(who caller, anywhere bool, answer *torrentcachev1.DescribeServerResponse, err error) {
	if err != nil || anywhere && answer.GetKnowsAddresses() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= maxKept {
		clear(c.kept)
	}
	c.kept[who] = kept{answer, flight.Uptime() + keepTime}
}

// caller tells one caller from another: the SHA-256 of the credentials that go with its calls.
type caller [sha256.Size]byte

// callerOf returns the caller of a call with ctx. If anywhere is true, the address does not count.
func callerOf(ctx context.Context, anywhere bool) (who caller) {
	shown, _ := metadata.FromOutgoingContext(ctx)
	hash := sha256.New()
	for _, name := range []string{"authorization", access.OtherSiteKey, "x-forwarded-for"} {
		if name == "x-forwarded-for" && anywhere {
			continue
		}
		fmt.Fprintf(hash, "%s%q", name, shown.Get(name)) // a hash takes everything
	}
	hash.Sum(who[:0])
	return who
}
