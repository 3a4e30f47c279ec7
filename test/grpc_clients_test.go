//go:build e2e

package test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// grpcClient makes one call as a program in some language. It returns the program's output: the
// info hash, or on failure the reason (else the status code).
type grpcClient struct {
	name  string
	cache func(t *testing.T, s *server, deadline time.Duration, file string) string
	get   func(t *testing.T, s *server, deadline time.Duration, hash, file string) string
}

func TestGRPCClientsOfEveryLanguage(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for i, client := range []grpcClient{goClient(t), pythonClient(t), nodeClient(), grpcurlClient(t), rubyClient(t), cppClient(t)} {
		t.Run(client.name, func(t *testing.T) { testGRPCClient(t, s, client, uint64(i)*10) })
	}
}

func testGRPCClient(t *testing.T, s *server, client grpcClient, seed uint64) {
	const enough = 30 * time.Second
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		writeFile(t, dir, name, data)
		return filepath.Join(dir, name)
	}
	for name, size := range map[string]int{"small": 20_000, "gzip": 30_000, "nine megabytes": 9_000_000} {
		t.Run(name, func(t *testing.T) {
			data := torrenttest.Random(seed+uint64(len(name)), size)
			want := parse(t, data).IDs().Primary().String()
			sent := data
			if name == "gzip" {
				sent = gzipped(t)(data)
			}
			for _, time := range []string{"first", "again"} {
				if got := client.cache(t, s, enough, file("in.torrent", sent)); got != want {
					t.Fatalf("%s time: cached as %q, want %s", time, got, want)
				}
			}
			out := filepath.Join(dir, "out.torrent")
			if got := client.get(t, s, enough, strings.ToLower(want), out); got != want {
				t.Fatalf("got %q, want %s", got, want)
			}
			if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, data) {
				t.Errorf("other bytes came back (%d, want %d), %v", len(got), len(data), err)
			}
		})
	}
	failures := []struct{ name, got, want string }{
		{"empty", client.cache(t, s, enough, file("empty", nil)), "TORRENT_EMPTY"},
		{"garbage", client.cache(t, s, enough, file("garbage", []byte("<html>"))), "TORRENT_INVALID"},
		{"unknown hash", client.get(t, s, enough, strings.Repeat("0", 40), filepath.Join(dir, "x")), "TORRENT_NOT_FOUND"},
		{"malformed hash", client.get(t, s, enough, "no hash", filepath.Join(dir, "x")), "HASH_MALFORMED"},
		{"deadline", client.get(t, silent(t), 300*time.Millisecond, strings.Repeat("0", 40), filepath.Join(dir, "x")), "DEADLINE_EXCEEDED"},
	}
	for _, f := range failures {
		if f.got != f.want {
			t.Errorf("%s: got %q, want %s", f.name, f.got, f.want)
		}
	}
}

// silent starts a server that accepts connections and never answers. Every client must run into
// its deadline.
func silent(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var taken []net.Conn
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			taken = append(taken, c)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
		for _, c := range taken {
			_ = c.Close()
		}
	})
	return &server{GRPC: l.Addr().String()}
}

func parse(t *testing.T, data []byte) *metainfo.Torrent {
	t.Helper()
	m, err := metainfo.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// scriptClient returns a client program with the arguments ADDRESS SECONDS cache FILE, or ADDRESS
// SECONDS get HASH FILE.
func scriptClient(name, dir string, command ...string) grpcClient {
	call := func(t *testing.T, s *server, deadline time.Duration, args ...string) string {
		t.Helper()
		all := append(command[1:len(command):len(command)], s.GRPC, fmt.Sprintf("%f", deadline.Seconds()))
		return strings.TrimSpace(run(t, dir, command[0], append(all, args...)...))
	}
	return grpcClient{
		name: name,
		cache: func(t *testing.T, s *server, deadline time.Duration, file string) string {
			return call(t, s, deadline, "cache", file)
		},
		get: func(t *testing.T, s *server, deadline time.Duration, hash, file string) string {
			return call(t, s, deadline, "get", hash, file)
		},
	}
}

func goClient(t *testing.T) grpcClient {
	program := filepath.Join(t.TempDir(), "client")
	run(t, ".", "go", "build", "-o", program, "./clients")
	return scriptClient("Go", ".", program)
}

func pythonClient(t *testing.T) grpcClient {
	dir := pythonStubs(t)
	copyFile(t, "clients/client.py", dir)
	return scriptClient("Python", dir, "/usr/bin/python3", "client.py")
}

// pythonStubs returns a folder with the stubs that Debian's protoc generates from the unchanged
// .proto.
func pythonStubs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	plugin := strings.TrimSpace(run(t, ".", "which", "grpc_python_plugin"))
	run(t, ".", "protoc", "-I", "../proto", "-I", "clients", "--python_out="+dir, "--grpc_out="+dir,
		"--plugin=protoc-gen-grpc="+plugin, "torrentcache/v1/cache_service.proto", "status.proto")
	return dir
}

func nodeClient() grpcClient {
	return scriptClient("Node", ".", "node", "clients/client.js", "../proto", "clients/status.proto")
}

// grpcurlClient learns the messages by server reflection.
func grpcurlClient(t *testing.T) grpcClient {
	call := func(t *testing.T, s *server, deadline time.Duration, method, request string) (map[string]string, string) {
		t.Helper()
		tool, err := filepath.Abs("../.tools/bin/grpcurl")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(tool, "-plaintext", "-format-error", "-max-msg-sz", "11000000", "-max-time",
			fmt.Sprintf("%f", deadline.Seconds()), "-d", "@", s.GRPC, "torrentcache.v1.CacheService/"+method)
		cmd.Stdin = strings.NewReader(request)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, grpcurlFailure(stderr.String())
		}
		var answer map[string]string
		if err := json.Unmarshal(out, &answer); err != nil {
			t.Fatal(err)
		}
		return answer, answer["infoHash"]
	}
	return grpcClient{
		name: "grpcurl",
		cache: func(t *testing.T, s *server, deadline time.Duration, file string) string {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, hash := call(t, s, deadline, "CacheTorrent", fmt.Sprintf(`{"torrent":%q}`, base64.StdEncoding.EncodeToString(data)))
			return hash
		},
		get: func(t *testing.T, s *server, deadline time.Duration, hash, file string) string {
			answer, hash := call(t, s, deadline, "GetTorrent", fmt.Sprintf(`{"infoHash":%q}`, hash))
			if data, err := base64.StdEncoding.DecodeString(answer["torrent"]); err == nil && answer != nil {
				writeFile(t, filepath.Dir(file), filepath.Base(file), data)
			}
			return hash
		},
	}
}

// grpcurlFailure returns the reason in grpcurl's JSON error, which follows other text.
func grpcurlFailure(stderr string) string {
	var failure struct {
		Details []struct{ Reason, Domain string }
	}
	if start := strings.Index(stderr, "{"); start >= 0 && json.Unmarshal([]byte(stderr[start:]), &failure) == nil {
		for _, d := range failure.Details {
			if d.Domain == "torrentcache" {
				return d.Reason
			}
		}
	}
	if strings.Contains(stderr, "deadline") {
		return "DEADLINE_EXCEEDED"
	}
	return stderr
}

// TestDescriptionOfATorrentNamesItsIDs compares the ids of the API with those that package
// metainfo computes.
func TestDescriptionOfATorrentNamesItsIDs(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	data := torrenttest.Hybrid("hybrid")
	ids := parse(t, data).IDs()
	client := dial(t, s)
	if _, err := client.CacheTorrent(context.Background(), &torrentcachev1.CacheTorrentRequest{Torrent: data}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []infohash.ID{ids.V1, ids.V2, ids.V2.Short()} {
		got, err := client.DescribeTorrent(context.Background(), &torrentcachev1.DescribeTorrentRequest{InfoHash: id.String()})
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if got.GetInfoHashV1() != ids.V1.String() || got.GetInfoHashV2() != ids.V2.String() {
			t.Errorf("by %s: ids %s and %s", id, got.GetInfoHashV1(), got.GetInfoHashV2())
		}
	}
}
