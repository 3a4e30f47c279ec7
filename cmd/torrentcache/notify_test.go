//go:build unix

package main

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The service manager hears that the start may take long, when the server serves, and
// that it stops.
func TestServiceManagerIsTold(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	hear := func(want string) {
		t.Helper()
		buf := make([]byte, 1000)
		n, err := l.Read(buf)
		if err != nil || !strings.Contains(string(buf[:n]), want) {
			t.Fatalf("heard %q, %v; want %s", buf[:n], err, want)
		}
	}
	p := start(t, []string{"NOTIFY_SOCKET=" + socket}, append([]string{"serve", "--grpc-addr", "off",
		"--data-dir", t.TempDir(), "--shutdown-timeout", "20s"}, anyPort...)...)
	hear("EXTEND_TIMEOUT_USEC=60000000\n")
	hear("READY=1\n")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	hear("STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000")
	if status := p.await(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// A socket that nobody listens to is a warning.
func TestServiceManagerThatIsGone(t *testing.T) {
	p := start(t, []string{"NOTIFY_SOCKET=" + filepath.Join(t.TempDir(), "gone")}, append([]string{"serve", "--grpc-addr", "off",
		"--data-dir", t.TempDir()}, anyPort...)...)
	if log := p.stderr.String(); !strings.Contains(log, "the service manager cannot be told") {
		t.Errorf("the log says %q", log)
	}
}
