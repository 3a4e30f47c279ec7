package main

import (
	"archive/tar"
	"bytes"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc/health/grpc_health_v1"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// operate runs a command of the operator against p.
func (p *process) operate(t *testing.T, stdin string, args ...string) finished {
	t.Helper()
	return operate(t, []string{"TORRENTCACHE_ADMIN=" + p.adminAddress(t), "TORRENTCACHE_SERVER=" + p.grpc}, stdin, args...)
}

// adminAddress is the admin listener's host:port.
func (p *process) adminAddress(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(p.admin)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// operate runs a command with these variables in its environment.
func operate(t *testing.T, environ []string, stdin string, args ...string) finished {
	t.Helper()
	var stdout, stderr strings.Builder
	env := cli.Environment{Environ: environ, Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr}
	status := run(t.Context(), args, env)
	return finished{status, stdout.String(), stderr.String()}
}

func (p *process) mustUpload(t *testing.T, torrents ...[]byte) {
	t.Helper()
	for _, torrent := range torrents {
		if _, err := p.cache(t).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRemoveAndRestoreCommands(t *testing.T) {
	p := startServe(t, t.TempDir())
	one, two := torrenttest.V1("one"), torrenttest.Hybrid("two")
	p.mustUpload(t, one, two)
	absent := strings.Repeat("AB", 20)
	list := "magnet:?xt=urn:btih:" + strings.ToLower(hashOf(t, two)) + "\n" + absent + "\n"
	p.operate(t, list, "remove", "--reason", "court order", "--reference", "case 7", hashOf(t, one), "-").want(t, 0,
		hashOf(t, one)+" removed\n", hashOf(t, two)+" removed\n", absent+" removed; it was not cached\n")
	d := &doors{http: p.http, cache: p.cache(t)}
	if _, refusal := fetchDownload(t, d, hashOf(t, two)); refusal != "410" {
		t.Errorf("download of a removed torrent: %q", refusal)
	}
	p.operate(t, "", "restore", hashOf(t, one), absent).want(t, 0, hashOf(t, one)+" restored\n", absent+" restored; its bytes are gone")
	wantStored(t, p, one)
	p.operate(t, "", "restore", hashOf(t, one), "nonsense").want(t, 3, "TORRENT_NOT_FOUND", "nonsense", "restore failed for 2 of 2")
	p.operate(t, "", "remove").want(t, 1, "remove which torrents?")
	p.operate(t, "", "remove", "--reason", strings.Repeat("r", 1025), hashOf(t, one)).want(t, 1, "REQUEST_INVALID")
}

func TestStatsCommand(t *testing.T) {
	dir := t.TempDir()
	p := startServe(t, dir)
	torrent := torrenttest.V1("one")
	p.mustUpload(t, torrent)
	p.operate(t, "", "remove", strings.Repeat("AB", 20)).want(t, 0)
	got := p.operate(t, "", "stats")
	got.want(t, 0, "torrents              1\n", "removed info hashes   1\n", "on disk", "server", ", since 20")
	p.operate(t, "", "stats", "--data-dir", dir).want(t, 1, "another torrentcache uses this folder")
	p.kill(t)
	p.operate(t, "", "stats", "--data-dir", dir).want(t, 0, "torrents              1\n", "removed info hashes   1\n")
}

func TestOperatorErrorsAreOneClearLine(t *testing.T) {
	p := startServe(t, t.TempDir())
	empty := t.TempDir()
	gone := freeAddress(t)
	cases := map[string]struct {
		args []string
		says string
	}{
		"nobody there":        {[]string{"stats", "--admin", gone}, "no torrentcache server answers there"},
		"not the admin port":  {[]string{"verify", "--admin", p.grpc}, "not its admin listener"},
		"no address":          {[]string{"verify", "--admin", "http://x/"}, "want host:port"},
		"both":                {[]string{"verify", "--admin", gone, "--data-dir", empty}, "want one of them"},
		"no data folder":      {[]string{"verify", "--data-dir", empty}, "no data folder"},
		"nothing to back up":  {[]string{"backup", "--data-dir", empty, "x"}, "no data folder"},
		"backup to where":     {[]string{"backup"}, "backup to where?"},
		"index of nothing":    {[]string{"reindex"}, "--data-dir is missing"},
		"export of nothing":   {[]string{"export", "--data-dir", empty + "/none"}, "no data folder"},
		"import of no tar":    {[]string{"import"}, "the archive"},
		"a rate that is none": {[]string{"verify", "--rate", "fast"}, "want a size"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := p.operate(t, "this is no tar archive, it is some text "+strings.Repeat("x", 1000), c.args...)
			got.want(t, 1, c.says)
			if lines := strings.Split(strings.TrimSpace(got.stderr), "\n"); !strings.HasPrefix(lines[len(lines)-1], "torrentcache: ") || len(lines) > 1 {
				t.Errorf("stderr: %s", got.stderr)
			}
		})
	}
}

// A flag wins over the environment that serve may share.
func TestOperatorFlagWinsOverEnvironment(t *testing.T) {
	dir := t.TempDir()
	p := startServe(t, dir)
	environ := []string{"TORRENTCACHE_DATA_DIR=" + dir}
	operate(t, environ, "", "stats").want(t, 1, "another torrentcache uses this folder")
	operate(t, environ, "", "stats", "--admin", p.adminAddress(t)).want(t, 0, "torrents")
}

func TestImport(t *testing.T) {
	p := startServe(t, t.TempDir())
	one, two := torrenttest.V1("one"), privateTorrent()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, torrent := range [][]byte{one, two, []byte("bad")} {
		w.WriteHeader(&tar.Header{Name: "dir/x.torrent", Size: int64(len(torrent)), Mode: 0o644})
		w.Write(torrent)
	}
	w.WriteHeader(&tar.Header{Name: "dir", Typeflag: tar.TypeDir})
	w.Close()
	p.operate(t, archive.String(), "import").want(t, 3, "2 new", "1 refused", "TORRENT_INVALID")
	wantStored(t, p, one, two)
	path := writeFile(t, t.TempDir(), "x.tar", archive.Bytes())
	p.operate(t, "", "import", path).want(t, 3, "2 already cached", "1 refused")
	p.operate(t, archive.String()[:600], "import").want(t, 1, "stopped before the end")
}

func TestDrainedServerIsNotReadyAndServes(t *testing.T) {
	p := startServe(t, t.TempDir())
	torrent := torrenttest.V1("one")
	if code, _, body := httpDo(t, http.MethodPost, p.admin+"v1/admin/drain", "application/json", []byte("{}")); code != http.StatusOK {
		t.Fatalf("drain: %d %s", code, body)
	}
	for _, site := range []string{p.http, p.admin} {
		if code, _, _ := httpGet(t, site+"readyz"); code != http.StatusServiceUnavailable {
			t.Errorf("%sreadyz of a drained server: %d", site, code)
		}
	}
	health, err := grpc_health_v1.NewHealthClient(dialTest(t, p.grpc)).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || health.GetStatus() != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health: %v, %v", health, err)
	}
	p.mustUpload(t, torrent)
	wantStored(t, p, torrent)
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
