//go:build e2e

package test

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// interpreters are the commands that run the examples of the API guide, by the last part of an
// example's name.
var interpreters = map[string][]string{
	"curl": {"bash"}, "missing": {"bash"}, "grpcurl": {"bash"}, "python": {"/usr/bin/python3"}, "node": {"node"}, "php": {"php"}, "socket": {"php"},
	"perl": {"perl"}, "go": {"go"},
}

// TestExamplesOfTheAPIGuide runs the examples of the guide exactly as the page shows them.
func TestExamplesOfTheAPIGuide(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	torrent := hostileTorrent(1200)
	hash := hashIn(t, s, torrent)
	dir := t.TempDir()
	prepareExamples(t, s, dir)
	writeFile(t, dir, "my.torrent", torrent)
	page := string(mustFetch(t, "http://"+s.HTTP+"/automation"))
	blocks := regexp.MustCompile(`(?s)<code id="([a-z-]+)">(.*?)</code>`).FindAllStringSubmatch(page, -1)
	if len(blocks) < 15 {
		t.Fatalf("only %d examples found", len(blocks))
	}
	for _, block := range blocks {
		name, code := block[1], html.UnescapeString(block[2])
		t.Run(name, func(t *testing.T) {
			code = strings.ReplaceAll(code, "0123456789ABCDEF0123456789ABCDEF01234567", hash)
			out := runExample(t, dir, name, code)
			if name != "json-missing" && name != "download-curl" && !strings.Contains(out, hash) {
				t.Errorf("it prints %q without the info hash %s", out, hash)
			}
		})
	}
	if got, err := os.ReadFile(filepath.Join(dir, hash+".torrent")); err != nil || string(got) != string(torrent) {
		t.Errorf("the example of a download gives %d bytes (%v)", len(got), err)
	}
}

// prepareExamples makes the one-time preparations that the examples require.
func prepareExamples(t *testing.T, s *server, dir string) {
	t.Helper()
	writeFile(t, dir, "cache_service.proto", mustFetch(t, "http://"+s.HTTP+"/api/cache_service.proto"))
	run(t, dir, "bash", "-c", `protoc -I. --python_out=. --grpc_out=. "--plugin=protoc-gen-grpc=$(command -v grpc_python_plugin)" cache_service.proto`)
	if err := os.Symlink(mustAbs(t, "../.tools/node/node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

// runExample runs an example in dir and returns what it prints.
func runExample(t *testing.T, dir, name, code string) string {
	t.Helper()
	language := name[strings.LastIndex(name, "-")+1:]
	command := interpreters[language]
	if command == nil {
		t.Fatal("nothing runs this example")
	}
	file := map[string]string{"node": name + ".mjs", "go": name + ".go"}[language]
	if file == "" {
		file = name + ".txt"
	}
	writeFile(t, dir, file, []byte(code))
	if language == "go" { // build in this module, because the example imports it
		run(t, "..", "go", "build", "-o", filepath.Join(dir, name), filepath.Join(dir, file))
		return run(t, dir, filepath.Join(dir, name))
	}
	return run(t, dir, command[0], append(command[1:], file)...)
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}
