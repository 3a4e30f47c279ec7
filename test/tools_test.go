//go:build e2e

package test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// madeTorrent is a .torrent file made by a real tool.
type madeTorrent struct {
	path string
	hash string // upper case, by transmission-show
	data []byte
}

// doorsIn are the ways to upload. Each returns the info hash in the answer.
var doorsIn = []struct {
	name   string
	upload func(t *testing.T, s *server, m madeTorrent) string
}{
	{"gRPC", uploadGRPC},
	{"JSON", uploadJSON},
	{"raw", uploadRaw},
	{"form", uploadForm},
	{"SOAP", uploadSOAP},
}

// waysOut are the ways to get a torrent's bytes by its hash.
var waysOut = []struct {
	name     string
	download func(t *testing.T, s *server, hash string) []byte
}{
	{"gRPC", downloadGRPC},
	{"JSON", downloadJSON},
	{"raw", func(t *testing.T, s *server, hash string) []byte {
		return mustFetch(t, "http://"+s.HTTP+"/v1/torrents/"+hash, "Accept", "application/x-bittorrent")
	}},
	{"URL", func(t *testing.T, s *server, hash string) []byte {
		return mustFetch(t, "http://"+s.HTTP+"/torrent/"+hash+".torrent")
	}},
}

func TestTorrentsOfRealToolsThroughEveryDoor(t *testing.T) {
	t.Parallel()
	content := folderTree(t)
	s := startServer(t)
	var made []madeTorrent
	for _, door := range doorsIn {
		for _, tool := range []string{"mktorrent", "transmission-create"} {
			m := makeTorrent(t, tool, content, door.name)
			made = append(made, m)
			if got := door.upload(t, s, m); got != m.hash {
				t.Errorf("%s into %s: answered %q, transmission-show says %s", tool, door.name, got, m.hash)
			}
		}
	}
	checkAll(t, s, made)

	if err := s.stop(t, syscall.SIGTERM); err != nil {
		t.Fatalf("after SIGTERM: %v", err)
	}
	s = startServerIn(t, s.DataDir)
	checkAll(t, s, made)

	last := makeTorrent(t, "mktorrent", content, "just before kill -9")
	uploadGRPC(t, s, last)
	_ = s.stop(t, syscall.SIGKILL)
	s = startServerIn(t, s.DataDir)
	checkAll(t, s, append(made, last))
}

func checkAll(t *testing.T, s *server, made []madeTorrent) {
	t.Helper()
	for _, m := range made {
		for _, way := range waysOut {
			for _, hash := range []string{m.hash, strings.ToLower(m.hash)} {
				if got := way.download(t, s, hash); !bytes.Equal(got, m.data) {
					t.Errorf("%s by %s: %d bytes, other than the %d uploaded", m.path, way.name, len(got), len(m.data))
				}
			}
		}
	}
}

// folderTree makes a real folder tree with nested, empty and oddly named files.
func folderTree(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "content")
	for name, size := range map[string]int{
		"readme.txt": 17, "empty": 0, "disc 1/track.flac": 700_000, "disc 1/cover.jpg": 33_333,
		"disc 2/ünïcödé/文件.bin": 123_457, "disc 2/a b&c;d'e.txt": 1,
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.Repeat([]byte(name+"."), size/len(name)+1)[:size], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// makeTorrent makes a torrent of content. Its name distinguishes it from other torrents of the
// same content.
func makeTorrent(t *testing.T, tool, content, name string) madeTorrent {
	t.Helper()
	dir := t.TempDir()
	m := madeTorrent{path: filepath.Join(dir, tool+" "+name+".torrent")}
	tracker := "http://tracker.example/announce?for=" + tool
	switch tool {
	case "mktorrent":
		run(t, dir, "mktorrent", "-l", "16", "-n", name, "-a", tracker, "-w", "http://seed.example/", "-c", "a comment", "-o", m.path, content)
	case "transmission-create":
		// transmission-create names the torrent after the folder.
		named := filepath.Join(dir, name)
		if err := os.CopyFS(named, os.DirFS(content)); err != nil {
			t.Fatal(err)
		}
		run(t, dir, "transmission-create", "-t", tracker, "-c", "ein Kommentar", "-o", m.path, named)
	}
	shown := regexp.MustCompile(`Hash: ([0-9a-f]{40})`).FindStringSubmatch(run(t, dir, "transmission-show", m.path))
	if shown == nil {
		t.Fatalf("transmission-show tells no hash of %s", m.path)
	}
	m.hash = strings.ToUpper(shown[1])
	var err error
	if m.data, err = os.ReadFile(m.path); err != nil {
		t.Fatal(err)
	}
	return m
}

// dial connects as a client that accepts torrents over 4 MiB.
func dial(t *testing.T, s *server) torrentcachev1.CacheServiceClient {
	t.Helper()
	conn, err := grpc.NewClient(s.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(11<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return torrentcachev1.NewCacheServiceClient(conn)
}

func uploadGRPC(t *testing.T, s *server, m madeTorrent) string {
	t.Helper()
	resp, err := dial(t, s).CacheTorrent(context.Background(), &torrentcachev1.CacheTorrentRequest{Torrent: m.data})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetInfoHash()
}

func downloadGRPC(t *testing.T, s *server, hash string) []byte {
	t.Helper()
	resp, err := dial(t, s).GetTorrent(context.Background(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetTorrent()
}

func uploadJSON(t *testing.T, s *server, m madeTorrent) string {
	t.Helper()
	body := fmt.Sprintf(`{"torrent":%q}`, base64.StdEncoding.EncodeToString(m.data))
	return postForHash(t, s, "application/json", []byte(body))
}

func uploadRaw(t *testing.T, s *server, m madeTorrent) string {
	t.Helper()
	return postForHash(t, s, "application/x-bittorrent", m.data)
}

func postForHash(t *testing.T, s *server, contentType string, body []byte) string {
	t.Helper()
	status, header, answer := post(t, "http://"+s.HTTP+"/v1/torrents", contentType, body)
	var cached struct {
		InfoHash string `json:"infoHash"`
	}
	if err := json.Unmarshal(answer, &cached); err != nil {
		t.Fatalf("%v in %q", err, answer)
	}
	if want := "/v1/torrents/" + cached.InfoHash; status != http.StatusCreated || header.Get("Location") != want {
		t.Errorf("new torrent: status %d, Location %q; want 201, %q", status, header.Get("Location"), want)
	}
	return cached.InfoHash
}

func uploadForm(t *testing.T, s *server, m madeTorrent) string {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("torrent", filepath.Base(m.path))
	if err != nil {
		t.Fatal(err)
	}
	part.Write(m.data)
	form.Close()
	_, _, answer := post(t, "http://"+s.HTTP+"/autoupload.php", form.FormDataContentType(), body.Bytes())
	return strings.TrimSuffix(string(answer), "\n")
}

func uploadSOAP(t *testing.T, s *server, m madeTorrent) string {
	t.Helper()
	script := fmt.Sprintf(`$c = new SoapClient('http://%s/api/torrage.wsdl', ['cache_wsdl' => WSDL_CACHE_NONE]);
		echo $c->cacheTorrent(base64_encode(file_get_contents($argv[1])));`, s.HTTP)
	return run(t, "", "php", "-r", script, m.path)
}

func post(t *testing.T, url, contentType string, body []byte) (int, http.Header, []byte) {
	t.Helper()
	resp, err := http.Post(url, contentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, answer
}

func downloadJSON(t *testing.T, s *server, hash string) []byte {
	t.Helper()
	var answer struct {
		Torrent []byte `json:"torrent"`
	}
	if err := json.Unmarshal(mustFetch(t, "http://"+s.HTTP+"/v1/torrents/"+hash), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Torrent
}

func mustFetch(t *testing.T, url string, header ...string) []byte {
	t.Helper()
	status, body := fetch(t, url, header...)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", url, status, body)
	}
	return body
}
