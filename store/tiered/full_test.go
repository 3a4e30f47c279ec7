package tiered

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// A disk without room keeps no copy and says so, once, if that lasts.
func TestFullDiskIsTold(t *testing.T) {
	var said bytes.Buffer
	l := &local{options: Options{Logger: slog.New(slog.NewTextHandler(&said, nil))}}
	disk, err := diskstore.Open(diskstore.Options{Dir: t.TempDir(), Bounded: MinSize, MinFreeSpace: 1 << 60})
	if err != nil {
		t.Fatal(err)
	}
	l.disk.Store(disk)
	t.Cleanup(func() { l.close(nil) })
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	torrent := store.Torrent{IDs: item.IDs, Bytes: item.Torrent, Version: store.VersionOf(item.Torrent)}
	for range 3 {
		l.put(torrent)
		if said.Len() != 0 {
			t.Fatalf("told at once: %s", &said)
		}
	}
	l.full.since -= fullTime
	for range 3 {
		l.put(torrent)
	}
	if strings.Count(said.String(), "full") != 1 {
		t.Errorf("told %q, want once that it is full", &said)
	}
}

func TestFullness(t *testing.T) {
	var f fullness
	for i, step := range []struct {
		refused bool
		at      time.Duration
		tell    bool
	}{
		{true, 1, false},
		{true, 1 + fullTime - 1, false},
		{false, fullTime, false}, // it takes one
		{true, 20 * fullTime, false},
		{true, 21 * fullTime, true},
		{true, 30 * fullTime, false}, // once
		{false, 31 * fullTime, false},
		{true, 32 * fullTime, false},
		{true, 33 * fullTime, true},
	} {
		if got := f.note(step.refused, step.at); got != step.tell {
			t.Errorf("step %d: tell is %v", i, got)
		}
	}
}
