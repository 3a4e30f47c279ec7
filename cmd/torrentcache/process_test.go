package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// patience bounds every wait for something that surely happens.
const patience = 60 * time.Second

// binary is the program under test, as users run it. TestMain builds it.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "torrentcache-test")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "torrentcache")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	// Compiled as make build does it, so that it is compiled once. Without version control: the
	// sources may come from an archive. Without tables for debuggers, which take a third of the
	// time of the build.
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("go build: %v\n%s", err, out))
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// process is a running torrentcache. Addresses are as it announced them: URLs
// with a slash at the end, host:port for gRPC.
type process struct {
	http, https, grpc, admin, data string

	cmd    *exec.Cmd
	stdout *lockedBuffer
	stderr *lockedBuffer
	exited chan struct{} // closed when the process has ended
}

// anyPort lets a server choose all its ports.
var anyPort = []string{"--http-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"}

// startServe runs `torrentcache serve` on free ports until the test ends. It
// returns when the server is ready.
func startServe(t *testing.T, dataDir string, args ...string) *process {
	t.Helper()
	all := append([]string{"serve", "--grpc-addr", "127.0.0.1:0", "--data-dir", dataDir}, anyPort...)
	return start(t, nil, append(all, args...)...)
}

// startGateway runs `torrentcache gateway` before backend.
func startGateway(t *testing.T, backend *process, args ...string) *process {
	t.Helper()
	all := append([]string{"gateway", "--backend", backend.grpc}, anyPort...)
	return start(t, nil, append(all, args...)...)
}

// command returns the program with these variables and no other settings in its
// environment.
func command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "TORRENTCACHE_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: command(env, args...), stdout: &lockedBuffer{}, stderr: &lockedBuffer{}, exited: make(chan struct{})}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	announced := make(chan struct{})
	go func() {
		p.readAnnouncement(out)
		close(announced)
		_, _ = io.Copy(p.stdout, out)
		_ = p.cmd.Wait() // the status is in ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill(t)
		if t.Failed() {
			t.Logf("%v\n%s", p.cmd.Args[1:], p.stderr)
		}
	})
	await(t, announced, "the announcement")
	if p.admin == "" {
		t.Fatalf("the server did not start: %s", p.stderr)
	}
	return p
}

var announcedLine = regexp.MustCompile(`^  (HTTP|HTTPS|gRPC|Admin|Data) +(.+)$`)

// readAnnouncement reads the start-up text up to the end of the addresses, or
// to the end of the output.
func (p *process) readAnnouncement(out io.Reader) {
	fields := map[string]*string{"HTTP": &p.http, "HTTPS": &p.https, "gRPC": &p.grpc, "Admin": &p.admin, "Data": &p.data}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Fprintln(p.stdout, lines.Text())
		if found := announcedLine.FindStringSubmatch(lines.Text()); found != nil {
			*fields[found[1]] = found[2]
		}
		if strings.HasPrefix(lines.Text(), "Put a torrent in") {
			return
		}
	}
}

// kill ends the process at once, as kill -9 does, and waits for its end.
func (p *process) kill(t *testing.T) {
	t.Helper()
	_ = p.cmd.Process.Kill() // it may have ended by itself
	p.await(t)
}

// await waits for the process to end by itself and returns its exit status.
func (p *process) await(t *testing.T) int {
	t.Helper()
	await(t, p.exited, "the end of the process")
	return p.cmd.ProcessState.ExitCode()
}

func await(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
}

// cache returns a client of the process's gRPC port.
func (p *process) cache(t *testing.T) torrentcachev1.CacheServiceClient {
	t.Helper()
	return torrentcachev1.NewCacheServiceClient(dialTest(t, p.grpc))
}

func dialTest(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// runToEnd runs the program until it ends.
func runToEnd(t *testing.T, env []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	plain := command(env, args...)
	cmd := exec.CommandContext(ctx, plain.Path, args...)
	cmd.Env = plain.Env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok || ctx.Err() != nil {
			t.Fatalf("%v: %v, %v", args, err, ctx.Err())
		}
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// httpGet fetches a URL and returns status, headers and body.
func httpGet(t *testing.T, url string) (int, http.Header, []byte) {
	t.Helper()
	return httpDo(t, http.MethodGet, url, "", nil)
}

func httpDo(t *testing.T, method, url, contentType string, body []byte) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return send(t, http.DefaultTransport, req)
}

// send returns the answer to a request; redirects are answers.
func send(t *testing.T, transport http.RoundTripper, req *http.Request) (int, http.Header, []byte) {
	t.Helper()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	return resp.StatusCode, resp.Header, body
}

// lockedBuffer is an output that goroutines may share.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
