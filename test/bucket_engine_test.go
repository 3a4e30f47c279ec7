//go:build e2e

package test

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/torrentcache/torrentcache/store/s3store"
)

// The keys of every engine that test/s3-engine starts.
const (
	engineKey    = "test"
	engineSecret = "testsecret"
)

// s3Engine is a running Ceph with three OSDs and an S3 gateway, or another engine.
type s3Engine struct {
	address string // host:port
	dir     string // folder of Ceph; empty for another engine
	bucket  string
	client  *minio.Client
}

// startEngine starts Ceph with an empty bucket until the test ends. If
// TORRENTCACHE_TEST_S3 is the host:port of a running engine, without TLS, it makes a
// bucket there, which stays.
func startEngine(t *testing.T) *s3Engine {
	t.Helper()
	e := &s3Engine{address: os.Getenv("TORRENTCACHE_TEST_S3"), bucket: "test-" + strings.ToLower(rand.Text())}
	if e.address == "" {
		e.startCeph(t)
	}
	var err error
	e.client, err = minio.New(e.address, &minio.Options{Creds: s3store.UsualCredentials(), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.client.MakeBucket(t.Context(), e.bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *s3Engine) startCeph(t *testing.T) {
	t.Helper()
	e.dir = t.TempDir()
	port := freePorts(t, 3)
	e.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	t.Cleanup(func() { e.script(t, "stop", e.dir) })
	e.script(t, "start", e.dir, strconv.Itoa(port))
	t.Setenv("AWS_ACCESS_KEY_ID", engineKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", engineSecret)
}

func (e *s3Engine) script(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	// The output goes to a file, because the daemons would hold a pipe open.
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, "./s3-engine", args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		out, _ := os.ReadFile(log.Name())
		t.Fatalf("s3-engine %v: %v\n%s", args, err, out)
	}
}

// freePorts returns the first of n consecutive ports from freeAddress.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	first, last := 0, 0
	for first == 0 || last < first+n-1 {
		_, text, _ := net.SplitHostPort(freeAddress(t))
		port, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		if port != last+1 {
			first = port
		}
		last = port
	}
	return first
}

// location returns the value of --store for a prefix of the bucket, reached at address.
func (e *s3Engine) location(prefix, address string) string {
	return "s3://" + e.bucket + "/" + prefix + "?endpoint=" + url.QueryEscape("http://"+address)
}

// startNodes runs n nodes over a prefix of the bucket until the test ends.
func (e *s3Engine) startNodes(t *testing.T, n int, prefix, address string) []*server {
	t.Helper()
	nodes := make([]*server, n)
	for i := range nodes {
		nodes[i] = e.startNode(t, prefix, address)
	}
	return nodes
}

// startNode runs one node with additional flags.
func (e *s3Engine) startNode(t *testing.T, prefix, address string, flags ...string) *server {
	t.Helper()
	s := &server{HTTP: freeAddress(t), GRPC: freeAddress(t), Admin: freeAddress(t)}
	s.start(t, append([]string{"serve", "--http-addr", s.HTTP, "--grpc-addr", s.GRPC, "--admin-addr", s.Admin,
		"--store", e.location(prefix, address), "--anonymous", "read,write,sync"}, flags...))
	return s
}

// startEdge runs a gateway in front of nodes until the test ends.
func startEdge(t *testing.T, nodes []*server) *server {
	t.Helper()
	var backends []string
	for _, n := range nodes {
		backends = append(backends, n.GRPC)
	}
	s := &server{HTTP: freeAddress(t), Admin: freeAddress(t)}
	s.start(t, []string{"gateway", "--http-addr", s.HTTP, "--admin-addr", s.Admin, "--backend", strings.Join(backends, ",")})
	return s
}

// tap is a TCP proxy that a test can cut.
type tap struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	state tapState
	open  map[net.Conn]bool
}

type tapState int

const (
	tapOpen   tapState = iota
	tapSilent          // connections stay, nothing comes through
	tapClosed          // connections end at once
)

func startTap(t *testing.T, target string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{listener: l, target: target, open: map[net.Conn]bool{}}
	go p.accept()
	t.Cleanup(func() {
		l.Close()
		p.set(tapClosed)
	})
	return p
}

func (p *tap) address() string { return p.listener.Addr().String() }

func (p *tap) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(in)
	}
}

func (p *tap) serve(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer out.Close()
	if !p.keep(in, out) {
		return
	}
	defer p.drop(in, out)
	go func() {
		defer in.Close()
		p.pass(in, out)
	}()
	p.pass(out, in)
}

// pass copies data while the tap is open, and drops data while it is silent.
func (p *tap) pass(to io.Writer, from io.Reader) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if p.now() == tapOpen {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *tap) now() tapState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

func (p *tap) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.open[c] = true
	}
	return p.state != tapClosed
}

func (p *tap) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.open, c)
	}
}

// set changes the state. Leaving the silent state closes the connections, because their data was
// dropped.
func (p *tap) set(state tapState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if state == tapClosed || p.state == tapSilent {
		for c := range p.open {
			c.Close()
		}
	}
	p.state = state
}
