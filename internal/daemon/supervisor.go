package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
)

// supervisor is the service manager that started the program and wants status messages, as
// sd_notify(3) describes: datagrams to a Unix socket. The zero value is a supervisor that wants
// none.
type supervisor struct {
	socket string // a path, or a name in the abstract namespace after @
	logger *slog.Logger
}

// While the store is being opened, the supervisor is told every startNotice that the
// start may take startExtension more. A replay ends by itself and may take minutes on
// a slow disk; if a timeout ended it, it would begin anew at each start.
const (
	startExtension = time.Minute
	startNotice    = 10 * time.Second
)

// newSupervisor returns the supervisor that environ, as of os.Environ, names.
func newSupervisor(environ []string, logger *slog.Logger) supervisor {
	for _, entry := range environ {
		if socket, ok := strings.CutPrefix(entry, "NOTIFY_SOCKET="); ok {
			return supervisor{socket, logger}
		}
	}
	return supervisor{}
}

// ready says that the program serves.
func (s supervisor) ready() { s.tell("READY=1\nSTATUS=") }

// status reports the state of the program in one line; "" means as usual.
func (s supervisor) status(text string) { s.tell("STATUS=" + text) }

// stopping says that the program shuts down, which takes timeout at most.
func (s supervisor) stopping(timeout time.Duration) {
	s.tell(fmt.Sprintf("STOPPING=1\nEXTEND_TIMEOUT_USEC=%d", (timeout + startNotice).Microseconds()))
}

// opening asks for more time, until the function that it returns is called.
func (s supervisor) opening() (opened func()) {
	if s.socket == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	more := fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=Opening the store", startExtension.Microseconds())
	s.tell(more)
	go func() {
		for wait.For(ctx, startNotice) {
			s.tell(more)
		}
	}()
	return cancel
}

// tell sends lines of NAME=VALUE. A supervisor that does not take them is no reason
// not to serve.
func (s supervisor) tell(lines string) {
	if s.socket == "" {
		return
	}
	conn, err := net.Dial("unixgram", s.socket)
	if err == nil {
		_, err = conn.Write([]byte(lines))
		_ = conn.Close() // a datagram is sent by then
	}
	if err != nil {
		s.logger.Warn("the service manager cannot be told the server's status", "cause", err)
	}
}
