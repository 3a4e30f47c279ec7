//go:build e2e

package test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// soakSizes are the approximate sizes of the torrents that a soak reads: usual ones, sizes near
// that of TLS records, and some that no socket accepts at once. Together they exceed the server's
// cache.
var soakSizes = []int{300, 1_000, 4_000, 4_200, 15_900, 16_100, 16_384, 16_500, 20_000, 22_000, 32_000, 32_600, 33_000,
	64_000, 66_000, 100_000, 130_000, 261_000, 263_000, 300_000, 500_000, 1_000_000, 2_500_000, 5_000_000}

// changedInASoak is how many torrents change during the soak, each three times.
const changedInASoak = 20

// soak is a server with a tiny cache, and the torrents in it.
type soak struct {
	*server
	ways     map[string]string // beginnings of URLs, by the name of the protocol
	stable   [][]byte
	changing []versions
	paths    map[string]string // paths of downloads, by torrent
}

// versions is a torrent in two versions.
type versions struct{ before, after []byte }

// Downloads over every protocol return the stored bytes, while torrents are replaced, removed and
// restored. A change is in force when it has been answered.
func TestFastPathSoak(t *testing.T) {
	t.Parallel()
	s := newSoak(t)
	ctx, done := context.WithCancel(t.Context())
	defer done()
	var readers sync.WaitGroup
	for way, url := range s.ways {
		for i := range 2 {
			readers.Go(func() { s.read(ctx, t, i, clientOf(t, way, 0), url) })
		}
		readers.Go(func() { s.readSlowly(ctx, t, clientOf(t, way, 16<<10), url) })
	}
	s.change(t)
	done()
	readers.Wait()
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	secure, flags := secureFlags(t)
	s := &soak{server: startServer(t, append(flags, "--cache-size", "4MiB")...), paths: map[string]string{}}
	s.ways = map[string]string{"plain": "http://" + s.HTTP, "http/1.1": "https://" + secure, "h2": "https://" + secure}
	for i, size := range soakSizes {
		s.stable = append(s.stable, torrenttest.Random(uint64(7000+i), size))
		s.paths[string(s.stable[i])] = upload(t, s.HTTP, s.stable[i])
	}
	for i := range changedInASoak {
		before, after := lackingLayers(t, i)
		path := upload(t, s.HTTP, before)
		s.paths[string(before)], s.paths[string(after)] = path, path
		s.changing = append(s.changing, versions{before, after})
	}
	return s
}

// lackingLayers returns a torrent without its piece layers, and the same torrent after the layers
// were uploaded.
func lackingLayers(t *testing.T, i int) (before, after []byte) {
	t.Helper()
	whole := torrenttest.V2(fmt.Sprintf("soak-%d", i))
	offset, length := parse(t, whole).InfoSpan()
	before = torrenttest.Bencode(torrenttest.Dict{
		"comment": strings.Repeat("x", 15_000*(i%5)),
		"info":    torrenttest.Raw(whole[offset : offset+length]),
	})
	return before, append(before[:len(before)-1:len(before)-1], whole[offset+length:]...)
}

// clientOf returns a client for one protocol on connections of its own. Room is the size of their
// receive buffers in bytes; 0 is the default.
func clientOf(t *testing.T, way string, room int) *http.Client {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if room > 0 {
			_ = c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, room) })
		}
		return err
	}}
	transport := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: insecureTLS(way), ForceAttemptHTTP2: way == "h2"}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// get makes a request for torrent and returns the answer.
func (s *soak) get(t *testing.T, client *http.Client, method, url string, torrent []byte) (*http.Response, []byte) {
	req, err := http.NewRequest(method, url+s.paths[string(torrent)], nil)
	if err != nil {
		t.Error(err)
		return &http.Response{}, nil
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return &http.Response{}, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s of %d bytes: %v", method, len(torrent), err)
	}
	return resp, body
}

// read gets all torrents in turn until ctx ends. Before every fifth it makes a HEAD request.
func (s *soak) read(ctx context.Context, t *testing.T, from int, client *http.Client, url string) {
	for i := from; ctx.Err() == nil; i++ {
		want := s.stable[i%len(s.stable)]
		if i%5 == 0 {
			if resp, body := s.get(t, client, http.MethodHead, url, want); resp.Header.Get("Content-Length") != strconv.Itoa(len(want)) || len(body) > 0 {
				t.Errorf("HEAD of %d bytes: %s, %d bytes, %v", len(want), resp.Status, len(body), resp.Header)
			}
		}
		if resp, body := s.get(t, client, http.MethodGet, url, want); resp.StatusCode != http.StatusOK || !bytes.Equal(body, want) {
			t.Errorf("a torrent of %d bytes: %s, %d bytes", len(want), resp.Status, len(body))
		}
		c := s.changing[i%len(s.changing)]
		resp, body := s.get(t, client, http.MethodGet, url, c.before)
		same := resp.StatusCode == http.StatusOK && (bytes.Equal(body, c.before) || bytes.Equal(body, c.after))
		if !same && resp.StatusCode != http.StatusGone {
			t.Errorf("a torrent that changes: %s, %d bytes", resp.Status, len(body))
		}
	}
}

// readSlowly reads large torrents in small pieces until ctx ends.
func (s *soak) readSlowly(ctx context.Context, t *testing.T, client *http.Client, url string) {
	for i := 0; ctx.Err() == nil; i++ {
		want := s.stable[len(s.stable)-1-i%5]
		req, err := http.NewRequest(http.MethodGet, url+s.paths[string(want)], nil)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		var got bytes.Buffer
		_, err = io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{resp.Body}, make([]byte, 500))
		resp.Body.Close()
		if err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("read slowly: %d bytes of %d, %v", got.Len(), len(want), err)
		}
	}
}

// change replaces, removes and restores one torrent after another, and checks each change over
// every protocol.
func (s *soak) change(t *testing.T) {
	admin := adminOf(t, s.server)
	clients := map[string]*http.Client{}
	for way := range s.ways {
		clients[way] = clientOf(t, way, 0)
	}
	want := func(c versions, status int, torrent []byte) {
		t.Helper()
		for way, url := range s.ways {
			resp, body := s.get(t, clients[way], http.MethodGet, url, c.before)
			if resp.StatusCode != status || torrent != nil && !bytes.Equal(body, torrent) {
				t.Errorf("after a change, by %s: %s, %d bytes", way, resp.Status, len(body))
			}
		}
	}
	for _, c := range s.changing {
		hash := hashOfTorrent(t, c.after)
		want(c, http.StatusOK, c.before)
		if resp, err := http.Post(s.ways["plain"]+"/v1/torrents", "application/x-bittorrent", bytes.NewReader(c.after)); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("replacing: %v, %v", resp, err)
		}
		want(c, http.StatusOK, c.after)
		if _, err := admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hash}); err != nil {
			t.Fatal(err)
		}
		want(c, http.StatusGone, nil)
		if _, err := admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: hash}); err != nil {
			t.Fatal(err)
		}
		want(c, http.StatusOK, c.after)
	}
}
