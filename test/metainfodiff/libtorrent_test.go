//go:build e2e

package metainfodiff

import (
	"bufio"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo"
)

//go:embed oracle.py
var oracleScript string

// verdict is libtorrent's verdict on one torrent.
type verdict struct {
	Error   string
	V1, V2  string // hex, "" if it has none
	Size    int64  // bytes without pad files
	Pieces  int64
	Private bool
	Torrent []byte // a torrent that libtorrent made
}

// oracle is one Python process that answers for many torrents.
type oracle struct {
	t   *testing.T
	in  *bufio.Writer
	out *json.Decoder
}

// startOracle runs Debian's Python, for which python3-libtorrent is installed, or the Python that
// TORRENTCACHE_PYTHON names.
func startOracle(t *testing.T, seed uint64) *oracle {
	python := os.Getenv("TORRENTCACHE_PYTHON")
	if python == "" {
		python = "/usr/bin/python3"
	}
	cmd := exec.Command(python, "-c", oracleScript, strconv.FormatUint(seed, 10))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal("this test needs Debian's python3-libtorrent: ", err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error("the libtorrent process: ", err)
		}
	})
	return &oracle{t, bufio.NewWriter(in), json.NewDecoder(out)}
}

// ask returns the verdict on b. If b is empty, the verdict has a torrent that libtorrent makes.
func (o *oracle) ask(b []byte) verdict {
	o.t.Helper()
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(b)))
	o.in.Write(size[:])
	o.in.Write(b)
	if err := o.in.Flush(); err != nil {
		o.t.Fatalf("asking about %q: %v", b, err)
	}
	var v verdict
	if err := o.out.Decode(&v); err != nil {
		if err == io.EOF {
			o.t.Fatalf("libtorrent's process died of %q", b)
		}
		o.t.Fatal(err)
	}
	return v
}

// tally counts the results of comparisons.
type tally struct {
	accepted, refused int            // by both
	seen              map[string]int // intended differences by name
}

func TestAgreesWithLibtorrent(t *testing.T) {
	g := newGenerator(t)
	o := startOracle(t, g.Uint64())
	n := tally{seen: map[string]int{}}
	for _, b := range directed() {
		n.compare(t, o, b)
	}
	for range 50 {
		n.compare(t, o, o.ask(nil).Torrent)
	}
	for range samples() {
		if b := g.sample(); len(b) > 0 {
			n.compare(t, o, b)
		}
	}
	t.Logf("accepted by both %d, refused by both %d", n.accepted, n.refused)
	for _, class := range slices.Sorted(maps.Keys(n.seen)) {
		t.Logf("%6d %s", n.seen[class], class)
	}
	if min(n.accepted, n.refused) < samples()/5 {
		t.Error("too few torrents accepted or refused by both to say anything")
	}
	for _, d := range differences() {
		if n.seen[d.name] == 0 {
			t.Errorf("no torrent showed the intended difference %q; is it still one?", d.name)
		}
	}
}

func (n *tally) compare(t *testing.T, o *oracle, b []byte) {
	t.Helper()
	theirs := o.ask(b)
	ours, err := metainfo.Parse(b)
	switch {
	case err == nil && theirs.Error == "":
		n.accepted++
		if ours.Private() && !theirs.Private && overflowingPrivate.Match(b) {
			n.seen[privateOverflow]++
			theirs.Private = true
		}
		compareAccepted(t, b, ours, theirs)
	case err != nil && theirs.Error != "":
		n.refused++
	default:
		class := classify(b, err, theirs.Error)
		n.seen[class]++
		if class == "" {
			t.Errorf("not an intended difference: we say %v, libtorrent says %q, of\n%q", err, theirs.Error, b)
		}
	}
}

func compareAccepted(t *testing.T, b []byte, ours *metainfo.Torrent, theirs verdict) {
	t.Helper()
	ids, d := ours.IDs(), ours.Describe()
	got := verdict{
		V1:      strings.ToLower(ids.V1.String()),
		V2:      strings.ToLower(ids.V2.String()),
		Size:    ours.TotalSize(),
		Pieces:  d.PieceCount,
		Private: ours.Private(),
	}
	if got.V1 != theirs.V1 || got.V2 != theirs.V2 || got.Size != theirs.Size || got.Pieces != theirs.Pieces || got.Private != theirs.Private {
		t.Errorf("we have %+v, libtorrent has %+v, of\n%q", got, theirs, b)
	}
	var listed int64
	for _, f := range ours.Files(0, d.FileCount) {
		if !f.Pad {
			listed += f.Length
		}
	}
	if listed != theirs.Size {
		t.Errorf("the files listed have %d bytes, libtorrent's %d, of\n%q", listed, theirs.Size, b)
	}
}

func TestDifferencesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/metainfo.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := 0
	for _, d := range differences() {
		if !strings.Contains(string(page), "- **"+d.name+"**:") {
			t.Errorf("docs/metainfo.md does not list %q", d.name)
		}
		listed++
	}
	if n := strings.Count(string(page), "\n- **"); n != listed {
		t.Errorf("docs/metainfo.md lists %d differences, the test has %d", n, listed)
	}
}
