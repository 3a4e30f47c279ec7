package metainfodiff

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	anacrolix "github.com/anacrolix/torrent/metainfo"

	"github.com/torrentcache/torrentcache/metainfo"
)

// newGenerator returns a generator and prints its seed. The same seed gives the same torrents.
func newGenerator(t *testing.T) generator {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TORRENTCACHE_TEST_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal("TORRENTCACHE_TEST_SEED: ", err)
		}
	}
	t.Log("seed ", seed)
	return generator{rand.New(rand.NewPCG(seed, 1))}
}

func samples() int {
	if os.Getenv("TORRENTCACHE_TEST_LONG") != "" {
		return 400_000
	}
	return 20_000
}

// anacrolix/torrent decodes the info dictionary only on demand, so its verdicts prove little. But
// its info hashes of the raw info bytes must equal ours, and it must load well-formed generated
// torrents.
func TestAgreesWithAnacrolixOnHashes(t *testing.T) {
	g := newGenerator(t)
	compared := 0
	for range samples() {
		b := g.sample()
		ours, err := metainfo.Parse(b)
		if err != nil {
			continue
		}
		theirs, err := anacrolix.Load(bytes.NewReader(b))
		if err != nil {
			continue
		}
		compared++
		ids := ours.IDs()
		if sha1 := theirs.HashInfoBytes(); !ids.V1.IsZero() && !bytes.Equal(ids.V1.AppendTo(nil), sha1[:]) {
			t.Errorf("v1 hash %v, anacrolix/torrent has %v, of %q", ids.V1, sha1, b)
		}
		if v2 := sha256.Sum256(theirs.InfoBytes); !ids.V2.IsZero() && !bytes.Equal(ids.V2.AppendTo(nil), v2[:]) {
			t.Errorf("v2 hash %v, anacrolix/torrent has %x, of %q", ids.V2, v2, b)
		}
	}
	t.Logf("%d hashes compared", compared)
	if compared < samples()/4 {
		t.Errorf("only %d of %d torrents were accepted by both, too few to say anything", compared, samples())
	}
}

func TestWellFormedTorrentsAreAcceptedByBoth(t *testing.T) {
	g := newGenerator(t)
	for range samples() / 10 {
		b := g.model().encode()
		ours, err := metainfo.Parse(b)
		if err != nil {
			if theirs := err.(*metainfo.Error); !isEmptyPayload(theirs) {
				t.Errorf("refused: %v, %q", err, b)
			}
			continue
		}
		theirs, err := anacrolix.Load(bytes.NewReader(b))
		if err != nil {
			t.Errorf("anacrolix/torrent refuses: %v, %q", err, b)
			continue
		}
		info, err := theirs.UnmarshalInfo()
		if err != nil {
			t.Errorf("anacrolix/torrent refuses the info: %v, %q", err, b)
			continue
		}
		compareDescriptions(t, ours, theirs, info)
	}
}

// isEmptyPayload reports whether the generated torrent has no file with content.
func isEmptyPayload(err *metainfo.Error) bool {
	return bytes.HasPrefix([]byte(err.Rule), []byte("the torrent has no content"))
}

func compareDescriptions(t *testing.T, ours *metainfo.Torrent, theirs *anacrolix.MetaInfo, info anacrolix.Info) {
	d := ours.Describe()
	if d.Name != info.Name || d.PieceLength != info.PieceLength || d.Comment != theirs.Comment || d.Source != info.Source {
		t.Errorf("described as %+v, anacrolix/torrent says %+v", d, info)
	}
	if info.HasV2() && !ours.MissingPieceLayers() {
		err := anacrolix.ValidatePieceLayers(theirs.PieceLayers, &info.FileTree, info.PieceLength)
		if err != nil {
			t.Errorf("anacrolix/torrent does not verify the piece layers that we verified: %v", err)
		}
	}
}
