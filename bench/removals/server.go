package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/torrentcache/torrentcache/bench/internal/side"
	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// reference is the reference that the removals give.
const reference = "case 7 of the court of benchmarks"

// server is a running `torrentcache serve`.
type server struct {
	binary        string
	process       *side.Process
	grpc, address string // HOST:PORT; address is that of the admin listener
	conn          *grpc.ClientConn
	admin         torrentcachev1.AdminServiceClient
}

// start builds the program and runs a server with an audit log.
func (b *bench) start() (*server, error) {
	s := &server{binary: filepath.Join(b.dir, "torrentcache")}
	build := exec.Command("go", "build", "-trimpath", "-o", s.binary, "github.com/torrentcache/torrentcache/cmd/torrentcache")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("go build: %w", err)
	}
	var err error
	for _, address := range []*string{&s.grpc, &s.address} {
		if *address, err = side.FreeAddress(); err != nil {
			return nil, err
		}
	}
	where := []string{"--data-dir", filepath.Join(b.dir, "data")}
	if b.store != "" {
		where = []string{"--store", b.store}
	}
	log := filepath.Join(b.dir, "server.log")
	s.process, err = side.Start("0-1023", log, append([]string{s.binary, "serve", "--http-addr", "127.0.0.1:0", "--grpc-addr", s.grpc,
		"--admin-addr", s.address, "--audit-log", filepath.Join(b.dir, "audit.log")}, where...)...)
	if err != nil {
		return nil, err
	}
	if err := s.awaitReady(); err != nil {
		s.process.Stop()
		text, _ := os.ReadFile(log) // it helps if it is there
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	if s.conn, err = grpc.NewClient(s.address, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		s.process.Stop()
		return nil, err
	}
	s.admin = torrentcachev1.NewAdminServiceClient(s.conn)
	return s, nil
}

func (s *server) stop() {
	_ = s.conn.Close() // nothing is in flight
	s.process.Stop()
}

func (s *server) awaitReady() error {
	for range 1500 {
		if resp, err := http.Get("http://" + s.address + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("the server does not become ready")
}

// fill uploads n torrents and returns their info hashes.
func (s *server) fill(ctx context.Context, n, size int) ([]string, error) {
	c, err := client.Dial(s.grpc, client.Options{})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	hashes := make([]string, n)
	items := func(yield func(client.Item) bool) {
		for i := range n {
			if !yield(client.Item{Name: fmt.Sprint(i), Torrent: torrenttest.Random(uint64(i), size), Tag: i}) {
				return
			}
		}
	}
	err = c.Push(ctx, items, client.PushOptions{Result: func(r client.Result) {
		if r.Status != client.New && r.Status != client.Already {
			cancel(fmt.Errorf("uploading torrent %s: %s", r.Item.Name, r.Message))
		}
		hashes[r.Item.Tag.(int)] = r.IDs.Primary().String()
	}})
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	return hashes, err
}

// lines returns hashes as the text of a list, one on a line.
func lines(hashes []string) []byte { return []byte(strings.Join(hashes, "\n") + "\n") }
