package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// jsonLines returns the lines of JSON that a command wrote.
func jsonLines(t *testing.T, text string) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, fields)
	}
	return lines
}

// The feed as text: all of it, after a cursor, only the hashes, and new changes as they come.
func TestChanges(t *testing.T) {
	p := startServe(t, t.TempDir(), "--anonymous=read,write,sync")
	upload := func(name string) string {
		t.Helper()
		answer, err := p.cache(t).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.Hybrid(name)})
		if err != nil {
			t.Fatal(err)
		}
		return answer.GetInfoHash()
	}
	first, second := upload("first"), upload("second")
	if _, err := adminOf(t, p).RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: first}); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := runToEnd(t, nil, append([]string{"changes", "--server", p.grpc}, args...)...)
		if status != 0 {
			t.Fatalf("status %d: %s", status, stderr)
		}
		return stdout
	}
	all := jsonLines(t, run())
	var kinds []string
	for _, line := range all {
		kinds = append(kinds, line["kind"].(string)+" "+line["info_hash"].(string))
	}
	if got, want := strings.Join(kinds, ","), "added "+first+",added "+second+",removed "+first; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	if all[0]["info_hash_v2"] == nil || all[0]["time"] == nil {
		t.Errorf("a line lacks fields: %v", all[0])
	}
	cursor, _ := all[2]["cursor"].(string)
	if rest := run("--after", cursor); rest != "" {
		t.Errorf("after the last cursor: %q", rest)
	}
	if got, want := run("--hashes"), first+"\n"+second+"\n"; got != want {
		t.Errorf("hashes %q, want %q", got, want)
	}
	if rest := jsonLines(t, run("--after", "1-1")); len(rest) == 0 || rest[0]["kind"] != "restarted" {
		t.Errorf("after the cursor of another feed: %v", rest)
	}
	follow := startCommand(t, nil, "changes", "--server", p.grpc, "--after", cursor, "--follow", "--hashes")
	third := upload("third")
	follow.writes(t, third+"\n")

	status, _, stderr := runToEnd(t, nil, "changes", "--server", p.grpc, "--after", "no cursor")
	if status == 0 || !strings.Contains(stderr, "no cursor") {
		t.Errorf("text that is no cursor: status %d, %s", status, stderr)
	}
}

// The catalogue of a running server or a backup has a line for each cached torrent. It has trackers
// only if they are asked for.
func TestCatalogue(t *testing.T) {
	p := startServe(t, t.TempDir(), "--anonymous=read,write,sync")
	var hashes []string
	for _, name := range []string{"kept", "removed", "kept too"} {
		answer, err := p.cache(t).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1(name)})
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, answer.GetInfoHash())
	}
	if _, err := adminOf(t, p).RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hashes[1]}); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	operate(t, nil, "", "backup", "--admin", p.adminAddress(t), backup).want(t, 0)
	for _, from := range [][]string{{"--server", p.grpc}, {"--data-dir", backup}} {
		status, stdout, stderr := runToEnd(t, nil, append([]string{"info", "--all"}, from...)...)
		lines := jsonLines(t, stdout)
		if status != 0 || len(lines) != 2 {
			t.Fatalf("%v: status %d, %d lines, want 2: %s", from, status, len(lines), stderr)
		}
		for i, want := range []struct{ hash, name string }{{hashes[0], "kept"}, {hashes[2], "kept too"}} {
			line := lines[i]
			if line["info_hash"] != want.hash || line["name"] != want.name || line["size_bytes"].(float64) < 1 || line["cached_time"] == nil {
				t.Errorf("%v: %v, want %s %s", from, line, want.hash, want.name)
			}
			if line["trackers"] != nil {
				t.Errorf("%v: it has trackers, which nobody asked for", from)
			}
		}
	}
	status, stdout, _ := runToEnd(t, nil, "info", "--all", "--trackers", "--data-dir", backup)
	if lines := jsonLines(t, stdout); status != 0 || lines[0]["trackers"] == nil {
		t.Errorf("with --trackers: status %d, %v", status, lines)
	}
}
