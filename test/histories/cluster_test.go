//go:build e2e

package histories

import (
	"bufio"
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// patience bounds each wait for something that a server surely does.
const patience = time.Minute

// server is a running torrentcache.
type server struct {
	http, grpc, admin string // host:port; an edge has no grpc
	args              []string
	late              lateness // how late its reads may be
	readOnly          bool     // its clients only read
	client            *client

	cmd    *exec.Cmd
	exited chan error
	log    *os.File
}

// startServer runs torrentcache with these arguments until the test ends.
func startServer(t *testing.T, s *server) *server {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	s.log = log
	s.run(t)
	t.Cleanup(func() {
		s.kill(t)
		if t.Failed() {
			s.showLog(t)
		}
		log.Close()
	})
	return s
}

// run starts the process, for the first time or after a kill, and waits until it is ready.
func (s *server) run(t *testing.T) {
	t.Helper()
	s.cmd = exec.Command("../../bin/torrentcache", s.args...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("%v (make build makes it)", err)
	}
	s.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan error) { exited <- cmd.Wait() }(s.cmd, s.exited)
	deadline := time.After(patience)
	for {
		if resp, err := http.Get("http://" + s.admin + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-s.exited:
			s.showLog(t)
			t.Fatalf("a server ended before it was ready: %v", err)
		case <-deadline:
			t.Fatal("a server did not become ready")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *server) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// kill kills the process, if it runs.
func (s *server) kill(t *testing.T) {
	t.Helper()
	_ = s.cmd.Process.Kill()
	select {
	case err := <-s.exited:
		s.exited <- err
	case <-time.After(patience):
		t.Error("a server did not end on SIGKILL")
	}
}

func (s *server) showLog(t *testing.T) {
	t.Helper()
	file, err := os.Open(s.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		t.Log(lines.Text())
	}
}

// connect sets the client of s.
func (s *server) connect(t *testing.T, key string) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &client{http: s.http, key: key, web: &http.Client{Transport: transport}}
	if s.grpc != "" {
		s.client.cache = torrentcachev1.NewCacheServiceClient(dial(t, s.grpc))
		s.client.admin = torrentcachev1.NewAdminServiceClient(dial(t, s.admin))
	}
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	again := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1, MaxDelay: 50 * time.Millisecond}, MinConnectTimeout: time.Second}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(again))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// keysFile writes a file with a key for a writer and, for callers on this machine, one for an
// operator. It returns the file name and the writer's key.
func keysFile(t *testing.T) (file, key string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "keys")
	out, err := exec.Command("../../bin/torrentcache", "key", "new", "--name", "site", "--role", "write", "--keys-file", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("operator admin,sync address:127.0.0.1\n"); err != nil {
		t.Fatal(err)
	}
	return file, strings.TrimSpace(string(out))
}

// given counts the addresses that freeAddress has tried.
var given, startPort = atomic.Uint32{}, rand.Uint32N(ports)

// The ports of freeAddress are outside the range from which the system gives out ports.
const firstPort, ports = 20_000, 12_000

// freeAddress returns a loopback address on which no process listens, each address once.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range ports {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(firstPort+(startPort+given.Add(1))%ports)))
		var config net.ListenConfig
		if l, err := config.Listen(context.Background(), "tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
