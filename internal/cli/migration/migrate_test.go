package migration

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/migrate"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/store"
)

// growing is a source with one torrent more each time it is asked how many it has.
type growing struct {
	source
	torrents int64
}

func (g *growing) Stats(context.Context) (store.Stats, error) {
	g.torrents++
	return store.Stats{Torrents: g.torrents, Removed: 10}, nil
}

// A source that serves meanwhile has ever more to do, and is caught up with all the time.
func TestMigrateFromABusySource(t *testing.T) {
	var said strings.Builder
	r, from := &run{}, &growing{}
	display := progress.StartMaintenance(&said, nil, r.counts)
	o := r.options(t.Context(), settings{state: filepath.Join(t.TempDir(), "state")}, from, nil, migrate.State{}, display)
	for want := range int64(3) {
		if err := o.Save(store.Cursor{}); err != nil {
			t.Fatal(err)
		}
		o.CaughtUp()
		if got := r.counts().TotalFiles; got != want+11 {
			t.Errorf("%d to do, want %d", got, want+11)
		}
	}
	display.Stop()
	if n := strings.Count(said.String(), "caught up"); n != 1 {
		t.Errorf("it says %d times that it has caught up", n)
	}
}
