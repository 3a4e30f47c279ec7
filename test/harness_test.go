//go:build e2e

// Package test tests the real binary end to end: with torrents of real tools, real legacy
// clients, and the README's examples. `make test` runs it.
package test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience bounds each wait for something that surely happens.
const patience = 60 * time.Second

// binary is the torrentcache command under test, built by `make e2e`.
func binary(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../bin/torrentcache")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v (make build makes it)", err)
	}
	return path
}

// server is a running torrentcache. Its addresses are HOST:PORT.
type server struct {
	HTTP, GRPC, Admin string
	DataDir           string

	cmd    *exec.Cmd
	exited chan error

	mu  sync.Mutex
	log strings.Builder // of the running process, or of the last one
}

// startServer runs `torrentcache serve` on free ports over a new data folder
// until the test ends. It returns when the server is ready.
func startServer(t *testing.T, flags ...string) *server {
	t.Helper()
	return startServerIn(t, t.TempDir(), flags...)
}

func startServerIn(t *testing.T, dataDir string, flags ...string) *server {
	t.Helper()
	s := &server{HTTP: freeAddress(t), GRPC: freeAddress(t), Admin: freeAddress(t), DataDir: dataDir}
	s.start(t, append([]string{"serve", "--http-addr", s.HTTP, "--grpc-addr", s.GRPC, "--admin-addr", s.Admin,
		"--data-dir", dataDir}, flags...))
	return s
}

func (s *server) start(t *testing.T, args []string) {
	t.Helper()
	s.launch(t, args)
	s.awaitReady(t)
}

// launch is like start, for a server that may not become ready.
func (s *server) launch(t *testing.T, args []string) {
	t.Helper()
	s.launchCommand(t, exec.Command(binary(t), args...))
}

// launchCommand is like launch, for another program or another way to run the binary.
func (s *server) launchCommand(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	s.note(nil)
	s.cmd = cmd
	log, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.exited = make(chan error, 1)
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			t.Log(lines.Text())
			s.note(lines.Bytes())
		}
		s.exited <- s.cmd.Wait()
	}()
	t.Cleanup(func() { s.stop(t, syscall.SIGKILL) })
}

// note adds a line to the kept log; nil empties the log.
func (s *server) note(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if line == nil {
		s.log.Reset()
		return
	}
	s.log.Write(append(line, '\n'))
}

// logged returns the kept log of the server.
func (s *server) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *server) awaitReady(t *testing.T) {
	t.Helper()
	s.await(t, "/readyz")
}

// await waits until the admin listener answers 200 on a path.
func (s *server) await(t *testing.T, path string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		if resp, err := http.Get("http://" + s.Admin + path); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-s.exited:
			s.exited <- err
			t.Fatalf("the server ended before %s was 200: %v", path, err)
		case <-deadline:
			t.Fatalf("%s did not become 200", path)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop sends sig, waits for the process to end, and returns its exit error. Stopping twice does
// nothing.
func (s *server) stop(t *testing.T, sig syscall.Signal) error {
	t.Helper()
	if s.cmd.ProcessState != nil {
		return nil
	}
	_ = s.cmd.Process.Signal(sig)
	select {
	case err := <-s.exited:
		return err
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		return fmt.Errorf("the server did not end on %s", sig)
	}
}

// given counts the addresses that freeAddress has tried. The first port differs from run to run,
// so that a run seldom meets the processes that an earlier run left behind.
var given, startPort = atomic.Uint32{}, rand.Uint32N(ports)

// Ports start at firstPort, below the range from which the system gives out ports. Otherwise a
// connection could take a port before the server listens on it, or while the server is down.
const firstPort, ports = 20_000, 12_000

// freeAddress returns a loopback address on which no process listens. It gives no address to two
// tests, because a server may listen later or be down for a while.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range ports {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(firstPort+(startPort+given.Add(1))%ports)))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// run runs a command in dir with the Makefile's tools on its PATH, and returns the command's
// standard output.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	return runFor(t, patience, dir, name, args...)
}

// runFor is like run, with another time limit.
func runFor(t *testing.T, patience time.Duration, dir, name string, args ...string) string {
	t.Helper()
	tools, err := filepath.Abs("../.tools/bin")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// fetch gets url and returns status and body.
func fetch(t *testing.T, url string, header ...string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}
