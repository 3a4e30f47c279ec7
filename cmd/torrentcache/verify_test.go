package main

import (
	"context"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc/health"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// ailing is the maintenance of a store on a bad disk.
type ailing struct {
	admin.Maintenance
	found   admin.VerifyProgress
	missing []admin.Missing
	gaveUp  bool
}

func (a *ailing) Verify(_ context.Context, o admin.VerifyOptions) error {
	a.gaveUp = o.GiveUp
	o.Progress(a.found)
	return nil
}

func (a *ailing) Missing() []admin.Missing { return a.missing }

// serveAdmin serves the operator's calls of a store with that maintenance.
func serveAdmin(t *testing.T, m admin.Maintenance) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := server.New(server.Options{Store: memstore.New(), MaxTorrentSize: 1 << 20})
	s := rpc.NewGRPC(rpc.Chain{}, nil, srv.MaxMessageSize(), health.NewServer(), admin.New(srv, admin.Options{Maintenance: m}).Register)
	go s.Serve(listener)
	t.Cleanup(s.Stop)
	return listener.Addr().String()
}

var lost = []admin.Missing{
	{File: "segments/1", Counted: true, Torrents: 12, Removed: 1},
	{File: "segments/2", From: 4096, Counted: true, Torrents: 1},
	{File: "segments/3"},
}

const lostText = "missing: segments/1 (12 torrents, 1 removal), segments/2 from byte 4,096 on (1 torrent), segments/3 (its content is not known)"

func TestVerifyOfAServerOnABadDisk(t *testing.T) {
	one, two, three := infohash.V1([20]byte{1}), infohash.V1([20]byte{2}), infohash.V1([20]byte{3})
	a := &ailing{}
	address := serveAdmin(t, a)
	for name, c := range map[string]struct {
		found   admin.VerifyProgress
		missing []admin.Missing
		args    []string
		status  int
		stdout  string // the beginning
		stderr  string
	}{
		"well": {admin.VerifyProgress{Checked: 5}, nil, nil, 0, "5 torrents, 0 B read in ", ""},
		"wrong marks": {
			admin.VerifyProgress{Checked: 5, Cleared: 2}, nil, nil, 0, "5 torrents, 0 B read in ", ""},
		"unreadable": {
			admin.VerifyProgress{Checked: 5, Unreadable: []infohash.ID{one}}, nil, nil,
			1, one.String() + " unreadable\n", "1 torrent cannot be read: try again, or mark them as damaged with --give-up\n"},
		"given up": {
			admin.VerifyProgress{Checked: 5, Unreadable: []infohash.ID{one, two}}, nil, []string{"--give-up"},
			1, one.String() + " unreadable\n" + two.String() + " unreadable\n", "2 torrents cannot be read: marked as damaged, upload them again to heal them\n"},
		"missing": {admin.VerifyProgress{Checked: 5}, lost, nil, 1, "", lostText + "\n"},
		"all at once": {
			admin.VerifyProgress{Checked: 5, Damaged: []infohash.ID{three}, Unreadable: []infohash.ID{one}, Cleared: 1}, lost, nil,
			1, three.String() + "\n" + one.String() + " unreadable\n",
			"1 of 5 torrents are damaged: upload them again to heal them; 1 torrent cannot be read: " +
				"try again, or mark them as damaged with --give-up; " + lostText + "; 1 wrong mark of damage removed\n"},
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
			if c.found.Cleared > 0 && !strings.Contains(got.stdout+got.stderr, "of damage removed") {
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
		"missing               segments/3 (its content is not known)\n",
		"torrentcache: missing or cut short: 3 segment files; ")
}

// Commands that read lists of info hashes can read the report of verify.
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
