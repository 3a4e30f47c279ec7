package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc/health"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// ailing is the maintenance of a store on a bad disk.
type ailing struct {
	server.Maintenance
	found   server.VerifyProgress
	missing []server.Missing
	gaveUp  bool
}

func (a *ailing) Verify(_ context.Context, o server.VerifyOptions) error {
	a.gaveUp = o.GiveUp
	o.Progress(a.found)
	return nil
}

func (a *ailing) Missing() []server.Missing { return a.missing }

// serveAdmin serves the operator's calls of a store with that maintenance.
func serveAdmin(t *testing.T, m server.Maintenance) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := server.New(server.Options{Store: memstore.New(), MaxTorrentSize: 1 << 20, Maintenance: m})
	s := server.NewGRPC(server.Chain{}, srv.MaxMessageSize(), health.NewServer(), srv.RegisterAdmin)
	go s.Serve(listener)
	t.Cleanup(s.Stop)
	return listener.Addr().String()
}

var lost = []server.Missing{
	{File: "segments/1", Counted: true, Torrents: 12, Removed: 1},
	{File: "segments/2", From: 4096, Counted: true, Torrents: 1},
	{File: "segments/3"},
}

const lostText = "missing: segments/1 (12 torrents, 1 removal), segments/2 from byte 4,096 on (1 torrent), segments/3 (what was in it is not known)"

func TestVerifyOfAServerOnABadDisk(t *testing.T) {
	one, two, three := infohash.V1([20]byte{1}), infohash.V1([20]byte{2}), infohash.V1([20]byte{3})
	a := &ailing{}
	address := serveAdmin(t, a)
	for name, c := range map[string]struct {
		found   server.VerifyProgress
		missing []server.Missing
		args    []string
		status  int
		stdout  string // the beginning
		stderr  string
	}{
		"well": {server.VerifyProgress{Checked: 5}, nil, nil, 0, "5 torrents, 0 B read in ", ""},
		"wrong marks": {
			server.VerifyProgress{Checked: 5, Cleared: 2}, nil, nil, 0, "5 torrents, 0 B read in ", ""},
		"unreadable": {
			server.VerifyProgress{Checked: 5, Unreadable: []infohash.ID{one}}, nil, nil,
			1, one.String() + " unreadable\n", "1 torrent cannot be read: try again, or mark what the disk cannot read with --give-up\n"},
		"given up": {
			server.VerifyProgress{Checked: 5, Unreadable: []infohash.ID{one, two}}, nil, []string{"--give-up"},
			1, one.String() + " unreadable\n" + two.String() + " unreadable\n", "2 torrents cannot be read: marked as damaged, upload again to heal\n"},
		"missing": {server.VerifyProgress{Checked: 5}, lost, nil, 1, "", lostText + "\n"},
		"all at once": {
			server.VerifyProgress{Checked: 5, Damaged: []infohash.ID{three}, Unreadable: []infohash.ID{one}, Cleared: 1}, lost, nil,
			1, three.String() + "\n" + one.String() + " unreadable\n",
			"1 of 5 torrents are damaged: upload them again to heal them; 1 torrent cannot be read: " +
				"try again, or mark what the disk cannot read with --give-up; " + lostText + "; 1 wrong mark of damage taken away\n"},
	} {
		t.Run(name, func(t *testing.T) {
			a.found, a.missing = c.found, c.missing
			got := operate(t, nil, "", append([]string{"verify", "--admin", address}, c.args...)...)
			if got.status != c.status || !strings.HasPrefix(got.stdout, c.stdout) || c.stderr != "" && got.stderr != "torrentcache: "+c.stderr {
				t.Errorf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
			}
			if (c.status == 0) != strings.Contains(got.stdout, "nothing is damaged") {
				t.Errorf("reported is %s", got.stdout)
			}
			if c.found.Cleared > 0 && !strings.Contains(got.stdout+got.stderr, "of damage taken away") {
				t.Errorf("nothing tells of marks taken away: %s%s", got.stdout, got.stderr)
			}
			if a.gaveUp != (c.args != nil) {
				t.Errorf("gave up: %v", a.gaveUp)
			}
		})
	}
}

func TestStatsTellsWhatIsMissing(t *testing.T) {
	a := &ailing{}
	address := serveAdmin(t, a)
	operate(t, nil, "", "stats", "--admin", address).want(t, 0, "torrents              0\n")
	a.missing = lost
	operate(t, nil, "", "stats", "--admin", address).want(t, 1, "torrents              0\n",
		"missing               segments/1 (12 torrents, 1 removal)\n",
		"missing               segments/2 from byte 4,096 on (1 torrent)\n",
		"missing               segments/3 (what was in it is not known)\n",
		"torrentcache: something is missing of 3 segment files: ")
}

// What verify reports is a list of info hashes for those that read lists.
func TestReportIsAList(t *testing.T) {
	want := infohash.V1([20]byte{1})
	for _, line := range []string{want.String(), want.String() + " unreadable"} {
		if got, err := lists.ParseID(line); err != nil || got != want {
			t.Errorf("%q: %s, %v", line, got, err)
		}
	}
	if _, err := lists.ParseID(want.String() + " lost"); err == nil {
		t.Error("any word is taken behind an info hash")
	}
}

// An archive lacks what cannot be read and what is missing.
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
		if err := run.conclude(t.Context(), nil, facts{out: brokenPipe{}}); err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}
