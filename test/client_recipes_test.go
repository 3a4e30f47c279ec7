//go:build e2e

package test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestClientsAreMadeByEveryRecipe runs the recipes in docs/clients.md. protoc and buf must
// generate the same files from the server's .proto file.
func TestClientsAreMadeByEveryRecipe(t *testing.T) {
	guide, err := os.ReadFile("../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| ([^|]+) \\| `(--[^`|]+)` \\| (`[^|]+`) \\|$").FindAllStringSubmatch(string(guide), -1)
	if len(rows) < 8 {
		t.Fatalf("only %d recipes found", len(rows))
	}
	usePlugins(t)
	s := startServer(t)
	definition := mustFetch(t, "http://"+s.HTTP+"/api/cache_service.proto")
	for _, row := range rows {
		t.Run(row[1], func(t *testing.T) {
			byProtoc := made(t, definition, "protoc -I . "+row[2]+" torrentcache/v1/cache_service.proto")
			template := "version: v2\nplugins:\n"
			for plugin := range strings.SplitSeq(strings.Trim(row[3], "`"), "`, `") {
				template += "  - {" + plugin + ", out: .}\n"
			}
			byBuf := made(t, definition, "cat >buf.gen.yaml <<'end'\n"+template+"end\nbuf generate && rm buf.gen.yaml")
			if len(byProtoc) == 0 || !slices.Equal(byProtoc, byBuf) {
				t.Errorf("protoc made %q, buf %q", byProtoc, byBuf)
			}
		})
	}
}

// usePlugins puts buf and the plugins for Go on the PATH.
func usePlugins(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	run(t, "..", "go", "build", "-modfile=tools/go.mod", "-o", dir+"/", "google.golang.org/protobuf/cmd/protoc-gen-go", "google.golang.org/grpc/cmd/protoc-gen-go-grpc")
	buf, err := filepath.Abs("../.tools/node_modules/.bin")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", strings.Join([]string{dir, buf, os.Getenv("PATH")}, string(os.PathListSeparator)))
}

// made returns the sorted names of the files that a recipe generates from the definition.
func made(t *testing.T, definition []byte, recipe string) (files []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "torrentcache", "v1"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "torrentcache/v1/cache_service.proto", definition)
	run(t, dir, "bash", "-euo", "pipefail", "-c", recipe)
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, ".proto") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
