//go:build e2e

package test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/internal/certificate/certtest"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// upload caches a torrent and returns the path of its download.
func upload(t *testing.T, addr string, torrent []byte) string {
	t.Helper()
	resp, err := http.Post("http://"+addr+"/v1/torrents", "application/x-bittorrent", bytes.NewReader(torrent))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("upload: %s", resp.Status)
	}
	hash := filepath.Base(resp.Header.Get("Location"))
	return "/torrent/" + hash + ".torrent"
}

// conversations are requests that two HTTP parsers may read differently. PATH stands for the path
// of a torrent.
var conversations = map[string]string{
	"plain":                      "GET PATH HTTP/1.1\r\nHost: a\r\n\r\n",
	"close":                      "GET PATH HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"HTTP/1.0":                   "GET PATH HTTP/1.0\r\n\r\n",
	"HEAD":                       "HEAD PATH HTTP/1.1\r\nHost: a\r\n\r\n",
	"pipelined":                  "GET PATH HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET PATH HTTP/1.1\r\nHost: a\r\n\r\n",
	"unknown":                    "GET /torrent/0000000000000000000000000000000000000000.torrent HTTP/1.1\r\nHost: a\r\n\r\n",
	"range":                      "GET PATH HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n",
	"length and chunked":         "GET PATH HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET PATH HTTP/1.1\r\nHost: a\r\n\r\n",
	"chunked and length":         "POST /autoupload.php HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nGET PATH HTTP/1.1\r\nHost: a\r\n\r\n",
	"two lengths":                "GET PATH HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
	"a space before the colon":   "GET PATH HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	"a folded header":            "GET PATH HTTP/1.1\r\nHost: a\r\nX: b\r\n Content-Length: 40\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
	"bare LF":                    "GET PATH HTTP/1.1\nHost: a\n\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
	"a bare CR":                  "GET PATH HTTP/1.1\r\nHost: a\r\nX: b\rContent-Length: 40\r\n\r\n",
	"NUL":                        "GET PATH HTTP/1.1\r\nHost: a\r\nX: b\x00c\r\n\r\n",
	"two Hosts":                  "GET PATH HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	"absolute form":              "GET http://b PATH HTTP/1.1\r\nHost: a\r\n\r\n",
	"a lower-case method":        "get PATH HTTP/1.1\r\nHost: a\r\n\r\n",
	"raw blanks in the title":    "GET PATH?title=a b HTTP/1.1\r\nHost: a\r\n\r\nGET PATH HTTP/1.1\r\nHost: a\r\n\r\n",
	"a body that is a request":   "POST /autoupload.php HTTP/1.1\r\nHost: a\r\nContent-Length: 34\r\n\r\nGET /livez HTTP/1.1\r\nHost: evil\r\n\r\nGET PATH HTTP/1.1\r\nHost: a\r\n\r\n",
	"a GET with a request in it": "GET PATH HTTP/1.1\r\nHost: a\r\nContent-Length: 34\r\n\r\nGET /livez HTTP/1.1\r\nHost: evil\r\n\r\n",
}

// say sends text and returns the answer of the server at addr, until it closes the connection or
// sends nothing more.
func say(t *testing.T, addr, text string) []byte {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return sayOn(t, c, text)
}

// saySecurely is like say, over TLS.
func saySecurely(t *testing.T, addr, text string) []byte {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	return sayOn(t, c, text)
}

func sayOn(t *testing.T, c net.Conn, text string) []byte {
	t.Helper()
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil && len(answer) == 0 { // a reset after an answer refuses the rest of the input
		t.Fatal(err)
	}
	return answer
}

// changing matches the header lines whose values depend on the time.
var changing = regexp.MustCompile(`(Date|Last-Modified): [^\r]*\r\n`)

// The server gives the same answers with and without the fast path.
func TestFastPathOnAndOff(t *testing.T) {
	t.Parallel()
	torrent := torrenttest.Random(1, 30_000)
	secureOn, flags := secureFlags(t)
	on := startServer(t, flags...)
	secureOff, flags := secureFlags(t)
	off := startServer(t, append(flags, "--fast-path", "off")...)
	path := upload(t, on.HTTP, torrent)
	upload(t, off.HTTP, torrent)
	for name, text := range conversations {
		t.Run(name, func(t *testing.T) {
			text := strings.ReplaceAll(text, "PATH", path)
			want := changing.ReplaceAll(say(t, off.HTTP, text), nil)
			for range 3 { // the first request prepares the answer
				if got := changing.ReplaceAll(say(t, on.HTTP, text), nil); !bytes.Equal(got, want) {
					t.Fatalf("with the fast path %d bytes, without %d\n%.300q\n%.300q", len(got), len(want), got, want)
				}
			}
			want = changing.ReplaceAll(saySecurely(t, secureOff, text), nil)
			if got := changing.ReplaceAll(saySecurely(t, secureOn, text), nil); !bytes.Equal(got, want) {
				t.Fatalf("over TLS with the fast path %d bytes, without %d\n%.300q\n%.300q", len(got), len(want), got, want)
			}
		})
	}
}

// Behind nginx, which uses one connection to the server for all clients, no client's request
// changes the answer to the next client.
func TestFastPathBehindNginx(t *testing.T) {
	t.Parallel()
	secure, flags := secureFlags(t)
	s := startServer(t, flags...)
	torrent := torrenttest.Random(2, 30_000)
	path := upload(t, s.HTTP, torrent)
	for scheme, backend := range map[string]string{"http": s.HTTP, "https": secure} {
		t.Run(scheme, func(t *testing.T) { smuggle(t, startNginx(t, scheme, backend), path, torrent) })
	}
}

// secureFlags returns an address for HTTPS, and the flags that make a server listen there.
func secureFlags(t *testing.T) (addr string, flags []string) {
	t.Helper()
	issued := certtest.NewAuthority(t).Issue(t, "a server")
	dir, addr := t.TempDir(), freeAddress(t)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, text := range map[string][]byte{cert: issued.Certificate, key: issued.Key} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return addr, []string{"--https-addr", addr, "--tls-cert", cert, "--tls-key", key}
}

// smuggle sends all conversations to front, and fetches the torrent at path after each.
func smuggle(t *testing.T, front, path string, torrent []byte) {
	for name, text := range conversations {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				say(t, front, strings.ReplaceAll(text, "PATH", path))
				if status, body := fetch(t, "http://"+front+path); status != http.StatusOK || !bytes.Equal(body, torrent) {
					t.Fatalf("the next client got %d and %.200q", status, body)
				}
				if status, body := fetch(t, "http://"+front+"/livez"); status != http.StatusOK || len(body) > 100 {
					t.Fatalf("the one after got %d and %.200q", status, body)
				}
			}
		})
	}
}

// startNginx runs nginx in front of backend until the test ends, and returns nginx's address.
// Scheme is the protocol between nginx and backend.
func startNginx(t *testing.T, scheme, backend string) string {
	t.Helper()
	return runNginx(t, fmt.Sprintf("upstream backend { server %s; keepalive 1; }", backend), fmt.Sprintf(`
    location / {
      proxy_pass %s://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
    }`, scheme))
}
