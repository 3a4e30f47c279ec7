//go:build e2e

package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExamplesOfTheREADME runs every block of the README and of the client guide that is marked
// `<!-- runs: LANGUAGE -->`. It changes only the addresses. The folder has a torrent named
// my.torrent.
func TestExamplesOfTheREADME(t *testing.T) {
	t.Parallel()
	var blocks [][]string
	for _, document := range []string{"../README.md", "../docs/clients.md"} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, regexp.MustCompile("(?s)<!-- runs: (\\w+) -->\n```\\w+\n(.*?)```").FindAllStringSubmatch(string(text), -1)...)
	}
	if len(blocks) < 8 {
		t.Fatalf("only %d examples found", len(blocks))
	}
	s := startServer(t)
	addresses := strings.NewReplacer("127.0.0.1:8080", s.HTTP, "127.0.0.1:9090", s.GRPC)
	m := makeTorrent(t, "mktorrent", folderTree(t), "example")
	stubs := pythonStubs(t)
	for _, block := range blocks {
		t.Run(block[1], func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, dir, "my.torrent", m.data)
			writeFile(t, dir, "example", []byte(addresses.Replace(block[2])))
			var out string
			switch block[1] {
			case "sh":
				out = run(t, dir, "bash", "-euo", "pipefail", "example")
			case "php", "perl":
				out = run(t, dir, block[1], "example")
			case "go":
				writeFile(t, dir, "example.go", []byte(addresses.Replace(block[2])))
				run(t, ".", "go", "build", "-o", filepath.Join(dir, "program"), filepath.Join(dir, "example.go"))
				out = run(t, dir, "./program")
			case "python":
				out = run(t, dir, "env", "PYTHONPATH="+stubs, "/usr/bin/python3", "example")
			case "node":
				if err := os.CopyFS(filepath.Join(dir, "proto"), os.DirFS("../proto")); err != nil {
					t.Fatal(err)
				}
				out = run(t, dir, "node", "example")
			default:
				t.Fatalf("no way to run %s", block[1])
			}
			if !strings.Contains(out, m.hash) {
				t.Errorf("the info hash %s is not in the output:\n%s", m.hash, out)
			}
		})
	}
}

func writeFile(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
