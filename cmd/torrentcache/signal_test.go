//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func TestSignalsEndTheServer(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			dir := t.TempDir()
			torrent := torrenttest.V1("kept")
			p := startServe(t, dir)
			if _, refusal := uploadSOAP(t, &doors{http: p.http}, torrent); refusal != "" {
				t.Fatal(refusal)
			}
			p.signal(t, s)
			if status := p.await(t); status != 0 {
				t.Errorf("exit status %d", status)
			}
			wantStored(t, startServe(t, dir), torrent)
		})
	}
}

func TestSignalEndsTheGateway(t *testing.T) {
	p := startGateway(t, startServe(t, t.TempDir()))
	p.signal(t, syscall.SIGTERM)
	if status := p.await(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func TestUploadInFlightIsFinished(t *testing.T) {
	dir := t.TempDir()
	torrent := torrenttest.V1("in flight")
	p := startServe(t, dir)
	up := beginUpload(t, p, torrent)
	p.signal(t, syscall.SIGTERM)
	p.awaitDraining(t)
	if code := up.finish(t); code != http.StatusCreated {
		t.Errorf("answered %d, want 201", code)
	}
	if status := p.await(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	wantStored(t, startServe(t, dir), torrent)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := startServe(t, t.TempDir())
	beginUpload(t, p, torrenttest.V1("never finished"))
	p.signal(t, syscall.SIGTERM)
	p.awaitDraining(t)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for ended := false; !ended; {
		select {
		case <-again.C:
			_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended
		case <-p.exited:
			ended = true
		}
	}
	if status := p.await(t); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	if !strings.Contains(p.stderr.String(), "second signal") {
		t.Errorf("stderr %q", p.stderr)
	}
}

// Two signals that come at once, as from timeout(1), count as one.
func TestSignalTwiceAtOnceIsOne(t *testing.T) {
	p := startServe(t, t.TempDir())
	up := beginUpload(t, p, torrenttest.V1("in flight"))
	p.signal(t, syscall.SIGSTOP) // so that both are there when it goes on, however busy the machine
	p.signal(t, syscall.SIGTERM)
	p.signal(t, syscall.SIGINT)
	p.signal(t, syscall.SIGCONT)
	p.awaitDraining(t)
	if code := up.finish(t); code != http.StatusCreated {
		t.Errorf("answered %d, want 201", code)
	}
	if status := p.await(t); status != 0 {
		t.Errorf("exit status %d, stderr %s", status, p.stderr)
	}
}

func TestUploadThatTakesTooLongIsCutOff(t *testing.T) {
	p := startServe(t, t.TempDir(), "--shutdown-timeout", "50ms")
	beginUpload(t, p, torrenttest.V1("never finished"))
	p.signal(t, syscall.SIGTERM)
	if status := p.await(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if !strings.Contains(p.stderr.String(), "cut off") {
		t.Errorf("stderr %q", p.stderr)
	}
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// awaitDraining waits until the server says that it is not ready.
func (p *process) awaitDraining(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if code, _, _ := httpGet(t, p.admin+"readyz"); code == http.StatusServiceUnavailable {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the server stays ready")
		}
	}
}

// halfUpload is an upload that the server has half received.
type halfUpload struct {
	conn net.Conn
	in   *bufio.Reader
	rest []byte
}

// beginUpload sends half of an upload and returns when the server is reading it.
func beginUpload(t *testing.T, p *process, torrent []byte) *halfUpload {
	t.Helper()
	u, err := url.Parse(p.http)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "POST /v1/torrents HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"+
		"Content-Type: application/x-bittorrent\r\nContent-Length: %d\r\n\r\n", len(torrent))
	in := bufio.NewReader(conn)
	// The server asks for the body when a handler reads it.
	line, err := in.ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q, %v; want 100 Continue", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	half := len(torrent) / 2
	if _, err := conn.Write(torrent[:half]); err != nil {
		t.Fatal(err)
	}
	return &halfUpload{conn: conn, in: in, rest: torrent[half:]}
}

// finish sends the rest and returns the answer's status.
func (u *halfUpload) finish(t *testing.T) int {
	t.Helper()
	if _, err := u.conn.Write(u.rest); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(u.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
