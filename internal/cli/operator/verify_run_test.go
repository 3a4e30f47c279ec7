package operator

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
)

// An archive lacks the torrents that cannot be read and those that are missing.
func TestExportTellsWhatIsNotInTheArchive(t *testing.T) {
	var run verifyRun
	run.note(&torrentcachev1.VerifyStoreResponse{
		CheckedCount: 5, DamagedInfoHashes: []string{"a"}, UnreadableInfoHashes: []string{"b", "c"},
		MissingSegments: []*segment{{File: "segments/1", Counted: true, TorrentCount: 1}},
	})
	want := "1 of 5 torrents are damaged and not in the archive; 2 torrents cannot be read, and so not in the archive; missing: segments/1 (1 torrent)"
	if got := strings.Join(run.lacks(), "; "); got != want {
		t.Errorf("got %s", got)
	}
}

// A broken pipe ends a report.
func TestReportToABrokenPipe(t *testing.T) {
	for _, run := range []*verifyRun{{damaged: []string{"a"}}, {unreadable: []string{"a"}}} {
		if err := run.conclude(t.Context(), nil, cli.Facts{Out: brokenPipe{}}); err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, os.ErrClosed }
