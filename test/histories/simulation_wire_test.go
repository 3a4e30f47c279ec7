//go:build e2e

package histories

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	cacheserver "github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store/s3store"
)

// simulatedNode is a node, and the connection between it and the bucket.
type simulatedNode struct {
	*s3store.Store
	name string
	sim  *simulation
	late sync.WaitGroup
	sync torrentcachev1.SyncServiceClient // the client of a server on top of the node

	mu   sync.Mutex
	dead bool
}

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// open starts a node.
func (s *simulation) open(name string) *simulatedNode {
	n := &simulatedNode{name: name, sim: s}
	var err error
	n.Store, err = s3store.Open(context.Background(), s3store.Options{
		Location:    s3store.Location{Endpoint: "engine.example", Insecure: true, Bucket: bucket, Prefix: "p/"},
		Credentials: credentials.NewStaticV4("test", "testsecret", ""),
		Logger:      silent,
		Transport:   n,
	})
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	srv := cacheserver.New(cacheserver.Options{Store: n, MaxTorrentSize: 1_000_000, Logger: silent})
	n.sync = torrentcachev1.NewSyncServiceClient(rpc.InProcess(rpc.Chain{Logger: silent}, 10_000_000, srv.RegisterPublic))
	s.note("%s is open", name)
	return n
}

// close ends the node. Requests that it has sent may still arrive.
func (n *simulatedNode) close() {
	if err := n.Store.Close(); err != nil {
		n.sim.note("%s closes: %v", n.name, err)
	}
	n.late.Wait()
}

// fault returns the fault of the next request; "" for none.
func (s *simulation) fault() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.random.IntN(100) >= s.percent {
		return ""
	}
	return []string{"slow", "dropped", "dropped afterwards", "late", "repeated", "cut", "500"}[s.random.IntN(7)]
}

// RoundTrip implements [http.RoundTripper]. It is the connection to the bucket.
func (n *simulatedNode) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	dead := n.dead
	n.mu.Unlock()
	if dead {
		return nil, errLost
	}
	s, fault := n.sim, n.sim.fault()
	if fault != "" {
		s.note("%s: %s %s is %s", n.name, req.Method, req.URL.Path, fault)
	}
	time.Sleep(time.Duration(1+s.pick(20)) * time.Millisecond)
	switch fault {
	case "dropped":
		return nil, errLost
	case "dropped afterwards":
		s.ask(req, body)
		return nil, errLost
	case "late":
		delay := time.Duration(s.pick(30_000)) * time.Millisecond
		n.late.Go(func() {
			time.Sleep(delay)
			s.ask(req, body)
		})
		return nil, errLost
	case "slow":
		time.Sleep(time.Duration(s.pick(3000)) * time.Millisecond)
	case "repeated":
		s.ask(req, body)
	case "500":
		return &http.Response{StatusCode: 500, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	}
	answer := s.ask(req, body)
	if fault == "cut" && answer.Body != nil && answer.ContentLength > 1 {
		answer.Body = io.NopCloser(io.MultiReader(io.LimitReader(answer.Body, answer.ContentLength/2), lost{}))
	}
	return answer, nil
}

var errLost = errors.New("the simulation loses it")

// lost is the rest of an answer whose connection broke.
type lost struct{}

// Read implements [io.Reader].
func (lost) Read([]byte) (int, error) { return 0, errLost }

// ask passes a request to the engine and returns the answer.
func (s *simulation) ask(req *http.Request, body []byte) *http.Response {
	again := req.Clone(context.WithoutCancel(req.Context()))
	again.Body, again.RequestURI = io.NopCloser(bytes.NewReader(body)), req.URL.RequestURI()
	again.Header.Set("Content-Length", strconv.Itoa(len(body))) // the engine reads the length from the header
	answer := httptest.NewRecorder()
	s.engine.ServeHTTP(answer, again)
	resp := answer.Result()
	resp.Request = req
	return resp
}
