package client_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A program that imports this package gets grpc, protobuf and their dependencies, and no more.
func TestClientNeedsGRPCAndProtobufOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	want := []string{
		"github.com/torrentcache/torrentcache",
		"golang.org/x/net", "golang.org/x/sys", "golang.org/x/text", // of grpc
		"google.golang.org/genproto/googleapis/rpc", "google.golang.org/grpc", "google.golang.org/protobuf",
	}
	if got := slices.Compact(modules); !slices.Equal(got, want) {
		t.Errorf("modules %q, want %q", got, want)
	}
}
