//go:build e2e

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stubs returns a folder with the files that protoc and a gRPC plugin generate for a language.
func stubs(t *testing.T, language string) string {
	t.Helper()
	dir := t.TempDir()
	run(t, ".", "bash", "-c", `protoc -I ../proto -I clients "--$1_out=$2" "--grpc_out=$2" \
		"--plugin=protoc-gen-grpc=$(command -v "grpc_$1_plugin")" torrentcache/v1/cache_service.proto status.proto`, "protoc", language, dir)
	return dir
}

func rubyClient(t *testing.T) grpcClient {
	dir := stubs(t, "ruby")
	copyFile(t, "clients/client.rb", dir)
	return scriptClient("Ruby", dir, "ruby", "-I", ".", "client.rb")
}

// cppClient compiles all sources as one, because most of the compile time goes to the headers of
// gRPC.
func cppClient(t *testing.T) grpcClient {
	dir := stubs(t, "cpp")
	copyFile(t, "clients/cpp/client.cc", dir)
	const all = `#include "torrentcache/v1/cache_service.pb.cc"
#include "torrentcache/v1/cache_service.grpc.pb.cc"
#include "client.cc"
`
	writeFile(t, dir, "all.cc", []byte(all))
	runFor(t, 5*time.Minute, dir, "sh", "-c",
		"g++ -std=c++17 -I. -o client all.cc status.pb.cc $(pkg-config --libs grpc++ protobuf)")
	return scriptClient("C++", dir, filepath.Join(dir, "client"))
}

// TestCallsCompressedByGRPC compresses each call with gzip, as a client in Python may.
func TestCallsCompressedByGRPC(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	dir := pythonStubs(t)
	script, err := os.ReadFile("clients/client.py")
	if err != nil {
		t.Fatal(err)
	}
	const channel = "grpc.insecure_channel(address, options)"
	if !strings.Contains(string(script), channel) {
		t.Fatalf("client.py has no %s", channel)
	}
	compressed := strings.ReplaceAll(string(script), channel, "grpc.insecure_channel(address, options, grpc.Compression.Gzip)")
	writeFile(t, dir, "client.py", []byte(compressed))
	testGRPCClient(t, s, scriptClient("Python with gzip", dir, "/usr/bin/python3", "client.py"), 9000)
}
