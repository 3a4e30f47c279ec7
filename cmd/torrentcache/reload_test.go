//go:build unix

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// reload sends SIGHUP and waits until the log says so often that says.
func (p *process) reload(t *testing.T, says string) {
	t.Helper()
	before := strings.Count(p.stderr.String(), says)
	p.signal(t, syscall.SIGHUP)
	for deadline := time.Now().Add(patience); strings.Count(p.stderr.String(), says) == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log never says %q:\n%s", says, p.stderr)
		}
	}
}

// keyLine returns a new key for everything, and its line of a keys file.
func keyLine() (key, line string) {
	key = access.NewKey()
	return key, access.Entry{Name: "site", Roles: access.Read | access.Write | access.Sync | access.Admin, Key: access.DigestOf(key)}.String() + "\n"
}

func rewrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// visitor is a client that calls all the time with the key that it was given last.
type visitor struct {
	key   atomic.Pointer[string]
	calls atomic.Int64
}

// call makes one call of each kind and returns the first failure.
func (c *visitor) call(ctx context.Context, t *testing.T, p, edge *process, cache torrentcachev1.CacheServiceClient, n int) error {
	key := *c.key.Load()
	torrent := torrenttest.V1(fmt.Sprintf("load %p %d", c, n))
	keyed := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	if _, err := cache.CacheTorrent(keyed, &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
		return err
	}
	calls := publicCalls(t, torrent)
	for i, name := range []string{"form", "download", "SOAP", "JSON get"} {
		for _, site := range []string{p.http, edge.http} {
			if code, _, body := calls[name].make(t, site, showings[i%len(showings)], key); code != http.StatusOK {
				return fmt.Errorf("%s at %s: %d %s", name, site, code, body)
			}
		}
	}
	c.calls.Add(1)
	return nil
}

// Keys are replaced under load without a failed request: the new one is added, the
// callers use it, the old one is withdrawn, and then the old one is refused.
func TestKeyRotationUnderLoad(t *testing.T) {
	dir := t.TempDir()
	keys, token := filepath.Join(dir, "keys"), filepath.Join(dir, "token")
	oldKey, oldLine := keyLine()
	rewrite(t, keys, oldLine)
	rewrite(t, token, oldKey)
	p := startServe(t, t.TempDir(), "--keys-file", keys, "--anonymous", "none")
	edge := startGateway(t, p, "--backend-token-file", token)
	cache := p.cache(t)

	clients := make([]*visitor, 4)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range clients {
		c := &visitor{}
		c.key.Store(&oldKey)
		clients[i] = c
		running.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := c.call(t.Context(), t, p, edge, cache, n); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	more := func() { // waits until each has called twice, so once from now on at least
		t.Helper()
		for _, c := range clients {
			for until, deadline := c.calls.Load()+2, time.Now().Add(patience); c.calls.Load() < until && !t.Failed(); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the calls stand still")
				}
			}
		}
	}
	more()
	for range 3 {
		newKey, newLine := keyLine()
		rewrite(t, keys, oldLine+newLine)
		p.reload(t, "msg=reloaded what=keys")
		more()
		rewrite(t, token, newKey)
		edge.reload(t, `msg=reloaded what="key for the backend"`)
		for _, c := range clients {
			c.key.Store(&newKey)
		}
		more()
		rewrite(t, keys, newLine)
		p.reload(t, "msg=reloaded what=keys")
		more()
		call := publicCalls(t, torrenttest.V1("late"))["form"]
		if code, _, _ := call.make(t, p.http, showings[0], oldKey); code != http.StatusUnauthorized {
			t.Errorf("the old key: %d", code)
		}
		oldKey, oldLine = newKey, newLine
	}
	stop()
	running.Wait()
}

// A bad file leaves the old one in force and is named in the log, with the line.
func TestBadFilesAreNotReloaded(t *testing.T) {
	dir := t.TempDir()
	keys, settings := filepath.Join(dir, "keys"), filepath.Join(dir, "torrentcache.yaml")
	key, line := keyLine()
	rewrite(t, keys, line)
	rewrite(t, settings, "anonymous: none\nkeys-file: "+keys+"\n")
	p := startServe(t, t.TempDir(), "--config", settings)
	works := func() {
		t.Helper()
		call := publicCalls(t, torrenttest.V1("a"))["form"]
		if code, _, body := call.make(t, p.http, showings[0], key); code != http.StatusOK {
			t.Errorf("with the key: %d %s", code, body)
		}
		if code, _, body := call.make(t, p.http, showings[0], ""); code != http.StatusUnauthorized {
			t.Errorf("without: %d %s", code, body)
		}
	}
	works()
	rewrite(t, keys, line+"site write\n")
	p.reload(t, `msg="not reloaded: the old ones stay in force" what=keys cause="--keys-file `+keys+`: line 2: 2 fields`)
	works()
	rewrite(t, settings, "anonymous: none\nkeys-file: "+keys+"\nlog-level: debug\nprivate: reject\n")
	p.reload(t, `msg="some settings were changed that take effect at the next start" settings="[log-level private]"`)
	works()
	rewrite(t, settings, "anonymous: none\nkeys-fil: "+keys+"\n")
	p.reload(t, `msg="nothing was reloaded: all stays as it was; mend the settings and reload again" cause="`+settings+`: line 2: unknown setting`)
	works()
	rewrite(t, settings, "anonymous: none\nkeys-file: "+keys+"\nlog-level: debug\nprivate: reject\n")
	if err := os.Remove(keys); err != nil {
		t.Fatal(err)
	}
	p.reload(t, "what=keys")
	works()
	// A server does not start with any of these mistakes.
	for _, args := range [][]string{{"--keys-file", keys}, {"--config", settings}, {"--anonymous", "admin"}, {"--anonymous", "all"}} {
		all := append([]string{"serve", "--grpc-addr", "127.0.0.1:0", "--data-dir", t.TempDir()}, anyPort...)
		if status, _, stderr := runToEnd(t, nil, append(all, args...)...); status != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, args[0][2:]) && !strings.Contains(stderr, settings) {
			t.Errorf("%v: status %d, %s", args, status, stderr)
		}
	}
}

// SIGHUP puts changed limits in force, but not invalid ones.
func TestLimitsAreReloaded(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "torrentcache.yaml")
	rewrite(t, settings, "trusted-writers: none\nupload-rate: 0.001\n")
	p := startServe(t, t.TempDir(), "--config", settings)
	torrents := 0
	wantUpload := func(want int) {
		t.Helper()
		torrents++
		body, contentType := form(t, torrenttest.V1(fmt.Sprint(torrents)))
		code, header, text := httpDo(t, http.MethodPost, p.http+"autoupload.php", contentType, body)
		if code != want || (want == http.StatusTooManyRequests) != (header.Get("Retry-After") != "") {
			t.Errorf("upload %d: %d %s, Retry-After %q, want %d", torrents, code, text, header.Get("Retry-After"), want)
		}
	}
	wantUpload(http.StatusOK)
	wantUpload(http.StatusTooManyRequests)
	rewrite(t, settings, "trusted-writers: none\nupload-rate: 0\nidle-timeout: 1m\n")
	p.reload(t, "msg=reloaded what=limits")
	p.says(t, `settings=[idle-timeout]`)
	wantUpload(http.StatusOK)
	rewrite(t, settings, "trusted-writers: none\nupload-rate: -1\n")
	p.reload(t, "--upload-rate -1: want zero or more")
	wantUpload(http.StatusOK)
	rewrite(t, settings, "trusted-writers: none\nupload-rate: 0\nnew-bytes-per-hour: 1B\n")
	p.reload(t, "msg=reloaded what=limits")
	wantUpload(http.StatusTooManyRequests)
}

// A withdrawn key ends the feed that was begun with it.
func TestWithdrawnKeyEndsTheFeed(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	key, line := keyLine()
	rewrite(t, keys, line)
	p := startServe(t, t.TempDir(), "--keys-file", keys)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key)
	feed, err := torrentcachev1.NewSyncServiceClient(dialTest(t, p.grpc)).WatchChanges(ctx, &torrentcachev1.WatchChangesRequest{})
	if err == nil {
		_, err = feed.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, keys, "# nobody\n")
	p.reload(t, "msg=reloaded what=keys")
	for err == nil {
		_, err = feed.Recv()
	}
	if !strings.Contains(err.Error(), "the key is not known here") {
		t.Errorf("the feed ends with %v", err)
	}
}

func TestConfigCommand(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "torrentcache.yaml")
	rewrite(t, file, "http-addr: 127.0.0.1:0\ngrpc-addr: 127.0.0.1:0\nadmin-addr: 127.0.0.1:0\ndata-dir: "+filepath.Join(dir, "data")+"\n")
	status, stdout, stderr := runToEnd(t, []string{"TORRENTCACHE_LOG_LEVEL=debug"}, "config", "--config", file, "--max-torrent-size", "1MB")
	for _, line := range []string{"log-level: debug # environment, TORRENTCACHE_LOG_LEVEL", "max-torrent-size: 1MB # flag", "http-addr: 127.0.0.1:0 # " + file + ", line 1", "private: accept # default"} {
		if status != 0 || !strings.Contains(stdout, "\n"+line+"\n") {
			t.Errorf("status %d, no %q in\n%s%s", status, line, stdout, stderr)
		}
	}
	rewrite(t, file, stdout) // which is a file again
	p := start(t, nil, "serve", "--config", file)
	if p.data != filepath.Join(dir, "data") {
		t.Errorf("data in %s", p.data)
	}
	status, stdout, _ = runToEnd(t, []string{"TORRENTCACHE_BACKEND_TOKEN=tc_secret"}, "config", "gateway", "--backend", "cache1:9090")
	if status != 0 || !strings.Contains(stdout, "backend: cache1:9090 # flag") || strings.Contains(stdout, "tc_secret") || !strings.Contains(stdout, "backend-token: '********'") {
		t.Errorf("status %d, %s", status, stdout)
	}
	if status, _, stderr := runToEnd(t, nil, "config", "--http-addr", "here"); status == 0 || !strings.Contains(stderr, "--http-addr") {
		t.Errorf("status %d, %s", status, stderr)
	}
}

// A reload also reads the keys again that are shown to the source of a mirror and to upstreams.
func TestKeysForOthersAreReread(t *testing.T) {
	dir := t.TempDir()
	keys, token := filepath.Join(dir, "keys"), filepath.Join(dir, "token")
	oldKey, oldLine := keyLine()
	rewrite(t, keys, oldLine)
	rewrite(t, token, oldKey)
	source := startServe(t, t.TempDir(), "--keys-file", keys, "--anonymous", "none")
	mirror := startServe(t, t.TempDir(), "--mirror-of", "grpc://"+source.grpc+"?token-file="+token)
	asker := startServe(t, t.TempDir(), "--upstream", "grpc://"+source.grpc+"?token-file="+token)
	put := func(name, key string) []byte {
		torrent := torrenttest.V1(name)
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key)
		if _, err := source.cache(t).CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
			t.Fatal(err)
		}
		return torrent
	}
	first := put("with the old key", oldKey)
	mirror.gives(t, first, false)
	asker.gives(t, first, false)

	newKey, newLine := keyLine()
	rewrite(t, keys, newLine)
	source.reload(t, "msg=reloaded what=keys")
	second := put("with the new key", newKey)
	rewrite(t, token, newKey)
	mirror.reload(t, `msg=reloaded what="key for the mirror of `+source.grpc)
	asker.reload(t, `msg=reloaded what="key for the upstream grpc://`+source.grpc)
	mirror.gives(t, second, false)
	asker.gives(t, second, false)
	rewrite(t, token, "")
	mirror.reload(t, "token-file: "+token+" is empty")
}
