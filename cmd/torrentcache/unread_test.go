package main

import (
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// TestStatsUnread asks a server, then its folder, for the torrents that nobody read for a week and
// for half a year. One torrent was downloaded today.
func TestStatsUnread(t *testing.T) {
	dir, longAgo := t.TempDir(), time.Now().Add(-30*24*time.Hour)
	st, err := diskstore.Open(diskstore.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler), Clock: func() time.Time { return longAgo }})
	if err != nil {
		t.Fatal(err)
	}
	hashes := make([]string, 3)
	for n := range hashes {
		torrent := torrenttest.Random(uint64(n), 5000)
		parsed, err := metainfo.Parse(torrent)
		if err != nil {
			t.Fatal(err)
		}
		offset, length := parsed.InfoSpan()
		item := store.Item{IDs: parsed.IDs(), Torrent: torrent, InfoOffset: offset, InfoLength: length, Rank: store.RankAnonymous}
		if r := st.Put(t.Context(), []store.Item{item})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		hashes[n] = infoHash(torrent)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	p := startServe(t, dir)
	if code, _, _ := httpGet(t, p.http+"torrent/"+hashes[0]+".torrent"); code != 200 {
		t.Fatalf("a download is %d", code)
	}
	oldest := longAgo.UTC().Format(time.DateOnly)
	check := func(flags ...string) {
		t.Helper()
		run := func(more ...string) string {
			t.Helper()
			status, stdout, stderr := runToEnd(t, nil, append(append([]string{"stats"}, flags...), more...)...)
			if status != 0 {
				t.Fatalf("stats %v is %d: %s", more, status, stderr)
			}
			return stdout
		}
		if out := run("--unread", "7d"); !strings.Contains(out, "unread, anonymous     2 torrents, ") || !strings.Contains(out, "the oldest last used on "+oldest+"\n") ||
			!strings.Contains(out, "unread, keyed         0 torrents, 0 bytes\n") {
			t.Errorf("stats --unread 7d:\n%s", out)
		}
		if out := run("--unread", "180d", "--json"); strings.Count(out, `"torrents":0,`) != 3 {
			t.Errorf("stats --unread 180d --json: %s", out)
		}
		if out := run("--unread", "7d", "--json"); !strings.Contains(out, `{"rank":"anonymous","torrents":2,`) || !strings.Contains(out, `"oldest_read_time":"`+oldest+`T00:00:00Z"`) {
			t.Errorf("stats --unread 7d --json: %s", out)
		}
		if out := run(); strings.Contains(out, "unread") {
			t.Errorf("stats alone:\n%s", out)
		}
		if status, _, stderr := runToEnd(t, nil, append([]string{"stats", "--unread", "5m"}, flags...)...); status == 0 || !strings.Contains(stderr, "want a day or more") {
			t.Errorf("stats --unread 5m is %d: %s", status, stderr)
		}
	}
	check("--admin", p.adminAddress(t))
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.await(t)
	check("--data-dir", dir)
}
