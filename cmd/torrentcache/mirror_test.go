package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// startAt runs serve with its gRPC at an address, in a folder, following others.
func startAt(t *testing.T, address, dir string, args ...string) *process {
	t.Helper()
	all := append([]string{"serve", "--grpc-addr", address, "--data-dir", dir, "--anonymous=read,write,sync"}, anyPort...)
	return start(t, nil, append(all, args...)...)
}

// gives waits until the process gives torrent; with gone until it does not.
func (p *process) gives(t *testing.T, torrent []byte, gone bool) {
	t.Helper()
	cache := p.cache(t)
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		got, err := cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: infoHash(torrent)})
		if (err == nil && string(got.GetTorrent()) == string(torrent)) != gone {
			return
		}
		if time.Since(begun) > patience {
			t.Fatalf("%s: it is there: %v, want %v: %s", infoHash(torrent), gone, !gone, p.stderr)
		}
	}
}

// A mirror and a mirror of it have the torrents of the source, through kills of each. Removals at
// the source are in force in both. When the source is lost, the mirror is promoted. A new source
// then gets everything back.
func TestMirrorOutlivesItsSource(t *testing.T) {
	addresses := []string{freeAddress(t), freeAddress(t), freeAddress(t)}
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	run := func(i int) *process {
		if i == 0 {
			return startAt(t, addresses[0], dirs[0])
		}
		return startAt(t, addresses[i], dirs[i], "--mirror-of", "grpc://"+addresses[i-1])
	}
	nodes := []*process{run(0), run(1), run(2)}
	torrents := make([][]byte, 40)
	for i := range torrents {
		torrents[i] = torrenttest.Random(uint64(i), 1000+i*3000)
	}
	// Each step is made while one of them is killed and comes back.
	for i, victim := range []int{0, 1, 2, 1, 0} {
		nodes[0].mustUpload(t, torrents[8*i:8*i+4]...)
		nodes[victim].kill(t)
		nodes[victim] = run(victim)
		nodes[0].mustUpload(t, torrents[8*i+4:8*i+8]...)
	}
	for _, torrent := range torrents {
		nodes[1].gives(t, torrent, false)
		nodes[2].gives(t, torrent, false)
	}
	nodes[0].operate(t, "", "remove", infoHash(torrents[0])).want(t, 0)
	nodes[2].gives(t, torrents[0], true)
	nodes[1].gives(t, torrents[0], true)
	nodes[2].operate(t, "", "stats").want(t, 0, "mirror of", addresses[1], "1 removal")

	// The machine of the source is lost. The mirror serves on and takes uploads; a new one at the
	// old address mirrors the mirror.
	nodes[0].kill(t)
	extra := torrenttest.V1("uploaded to the mirror")
	nodes[1].mustUpload(t, extra)
	nodes[1].kill(t)
	nodes[1] = startAt(t, addresses[1], dirs[1]) // promoted
	fresh := startAt(t, addresses[0], t.TempDir(), "--mirror-of", "grpc://"+addresses[1], "--mirror-ranks", "keep")
	for _, torrent := range append(torrents[1:], extra) {
		fresh.gives(t, torrent, false)
	}
	fresh.gives(t, torrents[0], true)
}

// Mass removals stop a mirror, and its operator decides.
func TestMirrorStopsAtMassRemovals(t *testing.T) {
	source := startServe(t, t.TempDir(), "--anonymous=read,write,sync")
	mirror := startServe(t, t.TempDir(), "--mirror-of", "grpc://"+source.grpc)
	var list strings.Builder
	var torrents [][]byte
	for i := range 30 {
		torrents = append(torrents, torrenttest.V1("torrent "+string(rune('a'+i))))
		list.WriteString(infoHash(torrents[i]) + "\n")
	}
	source.mustUpload(t, torrents...)
	mirror.gives(t, torrents[29], false)
	source.operate(t, list.String(), "remove", "-").want(t, 0)
	mirror.says(t, "removed too many torrents in an hour")
	for _, torrent := range torrents {
		mirror.gives(t, torrent, false)
	}
	if value := mirror.metric(t, `torrentcache_mirror_paused{source="`+source.grpc+`"}`); value != "1" {
		t.Errorf("torrentcache_mirror_paused is %q", value)
	}
	mirror.operate(t, "", "mirror", "resume", "elsewhere:1").want(t, 1, "mirrors no")
	mirror.operate(t, "", "mirror", "resume", source.grpc).want(t, 0)
	mirror.gives(t, torrents[29], true)
	mirror.operate(t, "", "restore", "--mirror", source.grpc).want(t, 0, "30 torrents restored")
	mirror.gives(t, torrents[0], false)
}

// A mirror fetches the torrents that it lost from the source: each at once when a reader asks for
// it, and all of them by one verification, in the background or by hand.
func TestRepairFromAMirror(t *testing.T) {
	source := startServe(t, t.TempDir(), "--anonymous=read,write,sync")
	var torrents [][]byte
	for i := range 50 {
		torrents = append(torrents, torrenttest.Random(uint64(i), 20_000))
	}
	source.mustUpload(t, torrents...)
	dir := t.TempDir()
	args := []string{"--mirror-of", "grpc://" + source.grpc}
	mirror := startServe(t, dir, args...)
	for _, torrent := range torrents {
		mirror.gives(t, torrent, false)
	}
	mirror.kill(t)
	damageAll(t, dir, torrents)
	mirror = startServe(t, dir, args...)
	if err := download(mirror.http+"torrent/"+infoHash(torrents[7])+".torrent", torrents[7]); err != nil {
		t.Errorf("a reader meets the damage: %v", err)
	}
	mirror.kill(t)
	mirror = startServe(t, dir, append(args, "--verify-every", "30d")...)
	mirror.says(t, "found=49 healed=49")
	mirror.operate(t, "", "verify").want(t, 0, "nothing is damaged")
	mirror.kill(t)
	damageAll(t, dir, torrents)
	mirror = startServe(t, dir, args...)
	mirror.operate(t, "", "verify").want(t, 0, "nothing is damaged; 50 damaged or unreadable torrents fetched anew from a mirror or upstream")
	source.kill(t)
	for _, torrent := range torrents {
		mirror.gives(t, torrent, false)
	}
	mirror.operate(t, "", "verify", "--json").want(t, 0, `"healed":0`)
}

// A server that is no mirror fetches damaged torrents from an upstream.
func TestRepairFromAnUpstream(t *testing.T) {
	source := startServe(t, t.TempDir())
	dir := t.TempDir()
	here := startServe(t, dir)
	torrents := [][]byte{torrenttest.Random(1, 20_000), torrenttest.Random(2, 20_000), torrenttest.Random(3, 20_000)}
	source.mustUpload(t, torrents...)
	here.mustUpload(t, torrents...)
	here.mustUpload(t, torrenttest.V1("the last one: damage in it looks like a torn write"))
	here.kill(t)
	damageAll(t, dir, torrents)
	here = startServe(t, dir, "--upstream", "grpc://"+source.grpc)
	if err := download(here.http+"torrent/"+infoHash(torrents[0])+".torrent", torrents[0]); err != nil {
		t.Errorf("a reader meets the damage: %v", err)
	}
	here.kill(t)
	here = startServe(t, dir, "--upstream", "grpc://"+source.grpc, "--verify-every", "1d")
	here.says(t, "found=2 healed=2")
}

// damageAll flips a byte of each of torrents in the segments of a folder.
func damageAll(t *testing.T, dir string, torrents [][]byte) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "segments", "*"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	for _, name := range segments { // all bytes of torrents, here and there
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, torrent := range torrents {
			if at := strings.Index(string(b), string(torrent)); at >= 0 {
				b[at+len(torrent)/2] ^= 0xFF
			}
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMirrorRefusesSettings(t *testing.T) {
	for want, args := range map[string][]string{
		"--mirror-of http://host/{HASH}: want grpc://": {"--mirror-of", "http://host/{HASH}"},
		"--mirror-of is for a store on a disk":         {"--mirror-of", "grpc://host:1", "--store", "s3://bucket"},
		"--mirror-rate needs --mirror-of":              {"--mirror-rate", "1MB"},
		"want one of hide, follow, ignore":             {"--mirror-of", "grpc://host:1", "--mirror-removals", "no"},
		"--verify-every 1m0s: want 1h0m0s or more":     {"--verify-every", "1m"},
		"want a duration such as":                      {"--verify-every", "often"},
	} {
		if !strings.Contains(strings.Join(args, " "), "--store") {
			args = append(args, "--data-dir", t.TempDir())
		}
		operate(t, nil, "", append([]string{"serve"}, args...)...).want(t, 1, want)
	}
}
