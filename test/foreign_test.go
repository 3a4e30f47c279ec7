//go:build e2e

package test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pulledIn are the modules that a program may depend on if it imports the generated API and
// package client: grpc, protobuf and their dependencies.
var pulledIn = []string{
	"github.com/torrentcache/torrentcache",
	"golang.org/x/net", "golang.org/x/sys", "golang.org/x/text",
	"google.golang.org/genproto/googleapis/rpc", "google.golang.org/grpc", "google.golang.org/protobuf",
}

// TestAForeignModuleGetsOnlyGRPCAndProtobuf builds test/clients/client.go, and
// an import of package client, in a module of its own.
func TestAForeignModuleGetsOnlyGRPCAndProtobuf(t *testing.T) {
	repository, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copyFile(t, "clients/client.go", dir)
	copyFile(t, "../go.sum", dir)
	writeFile(t, dir, "library.go", []byte("package main\n\nimport _ \"github.com/torrentcache/torrentcache/client\"\n"))
	writeFile(t, dir, "go.mod", []byte("module foreign.example\n\ngo 1.26\n\n"+
		"require github.com/torrentcache/torrentcache v0.0.0\n\n"+
		"replace github.com/torrentcache/torrentcache => "+repository+"\n"))
	t.Setenv("GOFLAGS", "-mod=mod")
	run(t, dir, "go", "build", "-o", "client", ".")
	deps := run(t, dir, "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", ".")
	for _, module := range strings.Fields(deps) {
		if !slices.Contains(pulledIn, module) {
			t.Errorf("pulls in %s", module)
		}
	}
}

func copyFile(t *testing.T, from, toDir string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, toDir, filepath.Base(from), data)
}
