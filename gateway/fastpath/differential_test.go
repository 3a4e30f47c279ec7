package fastpath_test

import (
	"bytes"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/internal/httpx"
)

// maxInput keeps a request smaller than net/http's buffer, where script could not
// tell its reads apart. Larger heads are tested over TCP.
const maxInput = 4000

// separator divides the input of FuzzDifferential into the parts that are sent at once.
var separator = []byte("\xff\xff")

var dateLine = regexp.MustCompile(`Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n`)

// converse plays input against a server and returns all that it sent, with the
// dates cut out, and how much of it the fast path sent. With mend, request lines
// are mended behind the fast path, as the product does it.
func converse(input []byte, fast, mend bool) ([]byte, fastpath.Stats) {
	said, _, stats := conversation(input, http.HandlerFunc(handler), fast, mend)
	return said, stats
}

// listenTo returns the answer of net/http alone to input. The marks say how long the answer was,
// the dates included, when net/http took each part of input and then found no more.
func listenTo(input []byte) (said []byte, marks []int) {
	said, marks, _ = conversation(input, http.HandlerFunc(handler), false, false)
	return said, marks
}

func conversation(input []byte, answers http.Handler, fast, mend bool) (said []byte, marks []int, stats fastpath.Stats) {
	client := newScript(bytes.Split(bytes.Clone(input), separator)...)
	inner := &single{conns: make(chan net.Conn, 1), ended: make(chan struct{})}
	inner.conns <- client
	srv := &http.Server{
		Handler:           answers,
		ErrorLog:          log.New(io.Discard, "", 0),
		ReadHeaderTimeout: time.Hour,
		IdleTimeout:       time.Hour,
	}
	var l net.Listener = inner
	downloads := of(ready)
	if fast {
		l = fastpath.New(inner, srv, downloads)
	}
	if mend {
		l = httpx.MendRequests(l)
	}
	served := make(chan struct{})
	go func() {
		_ = srv.Serve(l) // ErrServerClosed
		close(served)
	}()
	<-client.done
	_ = srv.Close()
	<-served
	return dateLine.ReplaceAll(client.output.Bytes(), []byte("Date: now\r\n")), client.marks, downloads.Stats()
}

// compare fails the test unless both ways give the same bytes for input. It
// returns how many answers the fast path gave.
func compare(t *testing.T, input []byte) int64 {
	t.Helper()
	var answered [2]int64
	for i, mend := range []bool{false, true} {
		want, _ := converse(input, false, mend)
		got, stats := converse(input, true, mend)
		if !bytes.Equal(got, want) {
			t.Errorf("for %q (mended: %t)\nthe fast path sent %q\nnet/http sends     %q", input, mend, got, want)
		}
		answered[i] = stats.Found + stats.Absent
	}
	want, _ := converse(input, false, false)
	if got, _, _ := conversation(input, fastpath.NewHandler(http.HandlerFunc(handler), of(ready)), false, false); !bytes.Equal(got, want) {
		t.Errorf("for %q\nthe fast path's handler sent %q\nnet/http sends               %q", input, got, want)
	}
	// A request line that is mended no longer ends the connection.
	if answered[1] < answered[0] {
		t.Errorf("for %q the fast path gave %d answers, and %d before mending", input, answered[0], answered[1])
	}
	return answered[0]
}

func FuzzDifferential(f *testing.F) {
	for _, c := range conversations {
		f.Add([]byte(c.input))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) <= maxInput {
			compare(t, input)
		}
	})
}

// TestMutatedConversations is a short FuzzDifferential for the ordinary tests:
// pieces of the known conversations, joined and changed at random.
func TestMutatedConversations(t *testing.T) {
	compareMutated(t, 1000, rand.New(rand.NewPCG(1, 2)), compare)
}

// compareMutated calls compare for so many rounds of conversations, which r makes. Enough of them
// must reach the fast path.
func compareMutated(t *testing.T, rounds int, r *rand.Rand, compare func(*testing.T, []byte) int64) {
	t.Helper()
	answered := int64(0)
	for range rounds {
		answered += compare(t, mutate(r))
		if t.Failed() {
			return
		}
	}
	if answered < int64(rounds)/10 {
		t.Errorf("of %d conversations only %d answers came from the fast path", rounds, answered)
	}
}

// mutate returns one to three known conversations after one another with a few
// changes that parsers are known to disagree about.
func mutate(r *rand.Rand) []byte {
	var b []byte
	for range 1 + r.IntN(3) {
		b = append(b, conversations[r.IntN(len(conversations))].input...)
		if r.IntN(2) == 0 {
			b = append(b, separator...)
		}
	}
	pieces := []string{" ", "\t", "\r", "\n", "\r\n", "\x00", ":", "\r\n ", "0", "-", ",", "\x7f", "\x80", "%", "?", "/",
		"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Host: other\r\n", "Connection: close\r\n",
		"connection: Keep-Alive\r\n", "X: y\r\n", "Range: bytes=0-3\r\n", "Expect: 100-continue\r\n", string(separator)}
	for range r.IntN(4) {
		at := r.IntN(len(b) + 1)
		switch r.IntN(4) {
		case 0:
			b = append(b[:at], append([]byte(pieces[r.IntN(len(pieces))]), b[at:]...)...)
		case 1:
			b = append(b[:at], b[min(len(b), at+r.IntN(4)):]...)
		case 2:
			if at < len(b) {
				b[at] ^= 1 << r.IntN(8)
			}
		case 3: // a whole line more
			if i := bytes.Index(b[at:], []byte("\r\n")); i >= 0 {
				at += i + 2
				b = append(b[:at], append([]byte(pieces[16+r.IntN(8)]), b[at:]...)...)
			}
		}
	}
	return b[:min(len(b), maxInput)]
}
