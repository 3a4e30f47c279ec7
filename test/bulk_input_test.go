//go:build e2e

package test

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// bulkInput is torrents in every form that push accepts.
type bulkInput struct {
	dir      string
	torrents map[string][]byte // by info hash
	files    int               // files that hold the torrents
}

// makeBulkInput writes n torrents: a third as plain and compressed files, a third in a compressed
// tar archive, and a third in a zip archive. Some are written twice.
func makeBulkInput(t *testing.T, random *rand.Rand, n int) *bulkInput {
	t.Helper()
	in := &bulkInput{dir: t.TempDir(), torrents: map[string][]byte{}}
	tarFile, zipFile := in.create(t, "old.tar.gz"), in.create(t, "older.zip")
	zipped := gzip.NewWriter(tarFile)
	tarWriter := tar.NewWriter(zipped)
	zipWriter := zip.NewWriter(zipFile)
	for i := range n {
		torrent := torrenttest.Random(uint64(i), 500+int(random.ExpFloat64()*8000))
		in.torrents[hashOfTorrent(t, torrent)] = torrent
		for range 1 + random.IntN(10)/9 {
			in.files++
			name := fmt.Sprintf("%06d-%06d.torrent", i, in.files)
			switch in.files % 3 {
			case 0:
				in.writeFile(t, name, torrent, in.files%2 == 0)
			case 1:
				tarWriter.WriteHeader(&tar.Header{Name: name, Size: int64(len(torrent)), Mode: 0o644})
				tarWriter.Write(torrent)
			default:
				w, err := zipWriter.Create(name)
				if err != nil {
					t.Fatal(err)
				}
				w.Write(torrent)
			}
		}
	}
	for _, c := range []io.Closer{tarWriter, zipped, tarFile, zipWriter, zipFile} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

func (in *bulkInput) create(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(in.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (in *bulkInput) writeFile(t *testing.T, name string, torrent []byte, compressed bool) {
	t.Helper()
	if compressed {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		w.Write(torrent)
		w.Close()
		torrent = out.Bytes()
	}
	if err := os.WriteFile(filepath.Join(in.dir, name), torrent, 0o644); err != nil {
		t.Fatal(err)
	}
}

func hashOfTorrent(t *testing.T, torrent []byte) string {
	t.Helper()
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.IDs().Primary().String()
}

// pushed is a line of `push --json`.
type pushed struct {
	Name, Status, Reason, Message string
	InfoHash                      string `json:"info_hash"`
	Summary                       *struct{ Complete bool }
}

// pusher is a running push.
type pusher struct {
	cmd   *exec.Cmd
	lines chan pushed // closed at the end of its output
}

func startPush(t *testing.T, args ...string) *pusher {
	t.Helper()
	p := &pusher{cmd: exec.Command(binary(t), append([]string{"push", "--json"}, args...)...), lines: make(chan pushed)}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() {
		defer close(p.lines)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var line pushed
			// The last line of a killed push may be cut short.
			if json.Unmarshal(lines.Bytes(), &line) == nil {
				p.lines <- line
			}
		}
	}()
	return p
}
