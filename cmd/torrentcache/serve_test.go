package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func TestUploadsSurviveKill(t *testing.T) {
	dir := t.TempDir()
	byGRPC, byJSON := torrenttest.V1("by gRPC"), torrenttest.V1("by JSON")
	p := startServe(t, dir)
	d := &doors{http: p.http, cache: p.cache(t)}
	for _, up := range []struct {
		torrent []byte
		upload  upload
	}{{byGRPC, uploadGRPC}, {byJSON, uploadJSON}} {
		if hash, refusal := up.upload(t, d, up.torrent); hash != infoHash(up.torrent) {
			t.Fatalf("upload: %s", refusal)
		}
	}
	p.kill(t)
	wantStored(t, startServe(t, dir), byGRPC, byJSON)
}

// wantStored checks that p has these torrents, byte for byte.
func wantStored(t *testing.T, p *process, torrents ...[]byte) {
	t.Helper()
	for _, torrent := range torrents {
		got, refusal := fetchDownload(t, &doors{http: p.http}, infoHash(torrent))
		if !bytes.Equal(got, torrent) {
			t.Errorf("%s: %d bytes (%s), want %d", infoHash(torrent), len(got), refusal, len(torrent))
		}
	}
}

func TestStartErrorsAreOneClearLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	locked := t.TempDir()
	startServe(t, locked)

	serveIn := func(dir string, args ...string) []string {
		all := append([]string{"serve", "--grpc-addr", "127.0.0.1:0", "--data-dir", dir}, anyPort...)
		return append(all, args...)
	}
	fresh := filepath.Join(t.TempDir(), "data")
	cases := []struct {
		name string
		env  []string
		args []string
		says string
	}{
		{"HTTP port in use", nil, serveIn(fresh, "--http-addr", taken.Addr().String()), "--http-addr " + taken.Addr().String() + ": another program uses the port"},
		{"gRPC port in use", nil, serveIn(fresh, "--grpc-addr", taken.Addr().String()), "--grpc-addr"},
		{"admin port in use", nil, serveIn(fresh, "--admin-addr", taken.Addr().String()), "--admin-addr"},
		{"folder below a file", nil, serveIn(filepath.Join(file, "data")), "--data-dir"},
		{"folder in use", nil, serveIn(locked), "another torrentcache uses this folder"},
		{"bad address", nil, serveIn(fresh, "--http-addr", "localhost"), `--http-addr "localhost": want host:port`},
		{"bad size", nil, serveIn(fresh, "--max-torrent-size", "10XB"), "want a size such as"},
		{"size out of range", nil, serveIn(fresh, "--max-torrent-size", "10GB"), "--max-torrent-size 10GB"},
		{"bad duration", nil, serveIn(fresh, "--shutdown-timeout", "soon"), "--shutdown-timeout"},
		{"bad URL", nil, serveIn(fresh, "--public-url", "example.org"), "--public-url"},
		{"bad origin", nil, serveIn(fresh, "--cors-origins", "*"), `"*": want origins as browsers write them`},
		{"bad log format", nil, serveIn(fresh, "--log-format", "xml"), "text, json"},
		{"HTTPS without certificate", nil, serveIn(fresh, "--https-addr", "127.0.0.1:0"), "--https-addr needs --tls-cert and --tls-key"},
		{"certificate without HTTPS", nil, serveIn(fresh, "--tls-cert", file, "--tls-key", file), "need --https-addr or --grpc-tls"},
		{"bad certificate", nil, serveIn(fresh, "--https-addr", "127.0.0.1:0", "--tls-cert", file, "--tls-key", file), file},
		{"no door", nil, serveIn(fresh, "--http-addr", "off"), "both off"},
		{"unknown flag", nil, serveIn(fresh, "--nonsense"), "unknown flag: --nonsense"},
		{"argument", nil, serveIn(fresh, "nonsense"), `takes no arguments, got "nonsense"`},
		{"unknown command", nil, []string{"nonsense"}, `unknown command "nonsense" for "torrentcache" (torrentcache --help lists the commands)`},
		{"unknown command of key", nil, []string{"key", "nonsense"}, `torrentcache key has no command "nonsense": want list or new or remove`},
		{"no keys file", nil, serveIn(fresh, "--keys-file", "nowhere"), "--keys-file nowhere: no such file"},
		{"shares that are more than there is", nil, serveIn(fresh, "--memory-limit", "256MiB", "--cache-size", "200MiB"),
			"--cache-size 200MiB leaves too little of --memory-limit: want at most 79MiB"},
		{"bad variable", []string{"TORRENTCACHE_MAX_TORRENT_SIZE=big"}, serveIn(fresh), `TORRENTCACHE_MAX_TORRENT_SIZE="big": want a size`},
		{"bad address in a variable", []string{"TORRENTCACHE_HTTPS_ADDR=here"}, serveIn(fresh), "--https-addr"},
		{"gateway without backend", nil, append([]string{"gateway"}, anyPort...), "--backend is missing"},
		{"gateway with a bad backend", nil, append([]string{"gateway", "--backend", "here"}, anyPort...), "--backend"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := runToEnd(t, c.env, c.args...)
			if status == 0 || stdout != "" {
				t.Errorf("status %d, stdout %q", status, stdout)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "torrentcache: ") || !strings.Contains(stderr, c.says) {
				t.Errorf("stderr %q, want one line that says %q", stderr, c.says)
			}
		})
	}
}

func TestSettingsFromTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	p := start(t, []string{
		"TORRENTCACHE_HTTP_ADDR=127.0.0.1:0",
		"TORRENTCACHE_GRPC_ADDR=nonsense, but the flag wins",
		"TORRENTCACHE_ADMIN_ADDR=127.0.0.1:0",
		"TORRENTCACHE_DATA_DIR=" + dir,
		"TORRENTCACHE_MAX_TORRENT_SIZE=2kB",
		"TORRENTCACHE_PUBLIC_URL=", // empty is not set
		"TORRENTCACHE_HTP_ADDR=127.0.0.1:0",
	}, "serve", "--grpc-addr", "127.0.0.1:0")
	if p.data != dir {
		t.Errorf("data in %s, want %s", p.data, dir)
	}
	_, refusal := uploadRaw(t, &doors{http: p.http}, torrenttest.Random(1, 4000))
	if refusal != "413 TORRENT_TOO_LARGE" {
		t.Errorf("4 kB with a limit of 2 kB: %q", refusal)
	}
	if warning := p.stderr.String(); strings.Count(warning, "warning") != 1 || !strings.Contains(warning, "TORRENTCACHE_HTP_ADDR") {
		t.Errorf("stderr %q, want a warning of TORRENTCACHE_HTP_ADDR", warning)
	}
}

func TestVersion(t *testing.T) {
	status, stdout, stderr := runToEnd(t, nil, "version")
	if status != 0 || stderr != "" || !regexp.MustCompile(`^torrentcache \S+ \(revision \S+, go1\.\S+, \w+/\w+\)\n$`).MatchString(stdout) {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

func TestHelp(t *testing.T) {
	for _, c := range []struct {
		args []string
		says []string
	}{
		{nil, []string{"serve", "gateway", "version", "TORRENTCACHE_HTTP_ADDR"}},
		{[]string{"serve", "--help"}, []string{"--http-addr", "127.0.0.1:8080", "127.0.0.1:9090", "127.0.0.1:9091", "./torrentcache-data", "10MB", "open it", "SIGTERM"}},
		{[]string{"gateway", "--help"}, []string{"--backend", "--http-addr"}},
		{[]string{"config", "--help"}, []string{"torrentcache config [flags]", "torrentcache config COMMAND", "  gateway  "}},
	} {
		status, stdout, _ := runToEnd(t, nil, c.args...)
		for _, word := range c.says {
			if status != 0 || !strings.Contains(stdout, word) {
				t.Errorf("%v: status %d, no %q in %s", c.args, status, word, stdout)
			}
		}
	}
}

func TestLogInJSON(t *testing.T) {
	dir := t.TempDir()
	cmd := command(nil, append([]string{"serve", "--log-format", "json", "--grpc-addr", "off", "--data-dir", dir}, anyPort...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, stderr)
		_ = cmd.Wait()
	}()
	var line struct{ Msg, HTTP, GRPC, Admin, Data string }
	for decoder := json.NewDecoder(stderr); line.Msg != "ready"; {
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
	}
	if line.HTTP == "" || line.GRPC != "" || line.Admin == "" || line.Data != dir {
		t.Errorf("got %+v", line)
	}
}
