//go:build unix

package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// grpc and grpc-gateway log clients that leave in the middle of an answer, or speak badly. Their
// lines are like all others, without addresses, and for debugging only.
func TestLibrariesLogAsTheProgramDoes(t *testing.T) {
	var files torrenttest.List
	for i := range 10_000 {
		files = append(files, torrenttest.Dict{"length": 1, "path": torrenttest.List{fmt.Sprint(i) + strings.Repeat("\x01", 95)}})
	}
	torrent := torrenttest.Bencode(torrenttest.Dict{"info": torrenttest.Dict{"name": "n", "piece length": 16384,
		"pieces": strings.Repeat("x", 20), "files": files}})
	for level, says := range map[string]string{"debug": "Failed to write response", "info": ""} {
		t.Run(level, func(t *testing.T) {
			p := startServe(t, t.TempDir(), "--log-level", level)
			if _, refusal := uploadForm(t, &doors{http: p.http}, torrent); refusal != "" {
				t.Fatal(refusal)
			}
			leaveAnswer(t, p, "/v1/torrents/"+infoHash(torrent)+"/info?filePageSize=10000")
			for _, rude := range []string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff", "GET / HTTP/1.1\r\n\r\n"} {
				beRude(t, p.grpc, rude, false)
			}
			p.wantEnd(t, says) // waits for the requests in flight
			for line := range strings.Lines(p.stderr.String()) {
				if !strings.HasPrefix(line, "time=") || strings.Contains(line, "127.0.0.1") {
					t.Errorf("stderr has %s", line)
				}
			}
		})
	}
}

// leaveAnswer leaves in the middle of a large answer, which the server is then writing.
func leaveAnswer(t *testing.T, p *process, path string) {
	t.Helper()
	conn := ask(t, p.http, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := io.ReadFull(conn, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}
