//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
)

const block = 2 << 20

// pattern returns size bytes, at least 8, that tell which they are: the seed, and then
// what follows from it.
func pattern(seed uint64, size int) []byte {
	b := make([]byte, size)
	binary.LittleEndian.PutUint64(b, seed)
	var key [32]byte
	copy(key[:], b[:8])
	_, _ = rand.NewChaCha8(key).Read(b[8:]) // never fails
	return b
}

// intact reports whether b is a pattern.
func intact(b []byte) bool {
	return len(b) >= 8 && bytes.Equal(b, pattern(binary.LittleEndian.Uint64(b), len(b)))
}

// answerWith returns an answer with that body, in the heap.
func answerWith(body []byte) *fastpath.Answer {
	return fastpath.Capture(context.Background(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-bittorrent")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}), small, body)
}

// changing is a source with one answer, which changes.
type changing struct {
	mu     sync.Mutex
	answer *fastpath.Answer
}

func (s *changing) Answer(infohash.ID) *fastpath.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer
}

func (s *changing) Load(infohash.ID, *fastpath.Scratch) *fastpath.Answer { return nil }

func (s *changing) set(a *fastpath.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = a
}

// collect collects garbage until that made done true.
func collect(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begun := time.Now(); !done(); runtime.GC() {
		if time.Since(begun) > patience {
			t.Fatal(what)
		}
	}
}

// download asks for the one answer and returns its body.
func (c *client) download() []byte {
	c.Helper()
	c.send(get)
	status, body := c.answer()
	if status != http.StatusOK {
		c.Fatal(status)
	}
	return body
}

// Bodies of all sizes come as they are, also those that lie in several blocks, and
// where the kernel takes no pages from memory.
func TestBodiesOfAnArena(t *testing.T) {
	test := func(t *testing.T, arena *fastpath.Arena) {
		source := &changing{}
		r := start(t, &http.Server{}, source)
		c := r.dial(t)
		for i, size := range []int{16<<10 + 1, 20_000, 64 << 10, 100_000, 1_000_000, block, block + 1, 20_000, 3*block - 7, 5_000_000} {
			body := pattern(uint64(i), size)
			moved := arena.Move(answerWith(bytes.Clone(body)))
			if !moved.InArena() || !bytes.Equal(moved.Body(), body) {
				t.Fatalf("%d bytes are not in the arena as they were", size)
			}
			source.set(moved)
			c.send(strings.Replace(get, "GET", "HEAD", 1))
			if resp, err := http.ReadResponse(c.in, &http.Request{Method: http.MethodHead}); err != nil || resp.ContentLength != int64(size) {
				t.Fatal(resp, err)
			}
			if got := c.download(); !bytes.Equal(got, body) {
				t.Errorf("of %d bytes came %d, or others", size, len(got))
			}
		}
		r.wantFound(t, 20)
	}
	t.Run("by pipes", func(t *testing.T) { test(t, fastpath.NewArena()) })
	t.Run("copied", func(t *testing.T) {
		arena := fastpath.NewArena()
		if err := arena.BreakPipes(); err != nil {
			t.Fatal(err)
		}
		test(t, arena)
	})
}

// What a socket was given stays as it was when the memory is used for other bodies.
func TestBodyInFlightWhenItsMemoryIsUsedAgain(t *testing.T) {
	arena, source := fastpath.NewArena(), &changing{}
	r := start(t, &http.Server{}, source)
	c := r.dial(t)
	const size = 200_000 // a socket takes as much at once
	source.set(arena.Move(answerWith(pattern(0, size))))
	c.send(get)
	r.wantFound(t, 1) // sent, but not read

	var others []*fastpath.Answer
	fill := func(seed uint64) {
		for i := range uint64(block / size) {
			others = append(others, arena.Move(answerWith(pattern(seed+i, size))))
		}
	}
	fill(1)
	source.set(nil)
	others = nil
	before := arena.Empty()
	collect(t, "no block is emptied", func() bool { return arena.Empty() > before })
	fill(100)
	fill(200)
	if arena.Empty() > before {
		t.Fatal("the block was not used again")
	}
	if _, body := c.answer(); !bytes.Equal(body, pattern(0, size)) {
		t.Error("other bytes came than were sent")
	}
	for _, a := range others {
		if !intact(a.Body()) {
			t.Error("a body that was kept is not what it was")
		}
	}
}

// A block of which little is in use is emptied; what is in use moves and stays what
// it is, also what is being sent.
func TestBodiesThatStayMove(t *testing.T) {
	arena, source := fastpath.NewArena(), &changing{}
	r := start(t, &http.Server{WriteTimeout: patience}, source)
	c := r.dial(t)
	const size = 20_000
	first := arena.Move(answerWith(pattern(0, hugeSize)))
	source.set(first)
	c.send(get)
	if _, err := c.in.Peek(1); err != nil { // the rest waits for this client
		t.Fatal(err)
	}
	var kept, dropped []*fastpath.Answer
	for i := range uint64(20 * block / size) {
		a := arena.Move(answerWith(pattern(i+1, size)))
		if dropped = append(dropped, a); i%10 == 0 {
			kept = append(kept, a)
		}
	}
	before := arena.Empty()
	runtime.KeepAlive(dropped)
	dropped = nil
	collect(t, "blocks are not emptied", func() bool { return arena.Empty() >= before+12 })
	for i, a := range kept {
		if !bytes.Equal(a.Body(), pattern(uint64(10*i+1), size)) {
			t.Fatalf("body %d is not what it was", i)
		}
	}
	source.set(kept[0])
	if _, body := c.answer(); !bytes.Equal(body, pattern(0, hugeSize)) {
		t.Error("other bytes came than were asked for")
	}
	if !bytes.Equal(c.download(), pattern(1, size)) {
		t.Error("a body that moved is sent otherwise")
	}
	runtime.KeepAlive(first)
}

// Clients that read slowly, leave in the middle, and do both while bodies come and
// go, get the bytes of one body each, and leave no pipe behind.
func TestArenaUnderLoad(t *testing.T) {
	before := openPipes(t)
	func() {
		arena, source := fastpath.NewArena(), &changing{}
		r := start(t, &http.Server{}, source)
		source.set(arena.Move(answerWith(pattern(0, 500_000))))
		var clients sync.WaitGroup
		for i := range 12 {
			c := r.dial(t)
			clients.Go(func() { loadOne(t, r, c, i) })
		}
		ended, changer := make(chan bool), make(chan bool)
		go func() {
			defer close(changer)
			for seed := uint64(1); ; seed++ {
				select {
				case <-ended:
					return
				default:
					source.set(arena.Move(answerWith(pattern(seed, 300_000+int(seed%7)*100_000))))
				}
			}
		}()
		clients.Wait()
		close(ended)
		<-changer
		if n, bound := openPipes(t)-before, 2*runtime.GOMAXPROCS(0); n > bound {
			t.Errorf("%d ends of pipes are open, want %d at most", n, bound)
		}
		source.set(nil)
		_ = r.Close()
	}()
	collect(t, "the pipes of an arena stay open after it", func() bool { return openPipes(t) <= before })
}

// loadOne is a client: of three, one reads at once, one slowly, one leaves early.
func loadOne(t *testing.T, r *running, c *client, i int) {
	for range 10 {
		switch i % 3 {
		case 0:
			if !intact(c.download()) {
				t.Error("got a mixture of bodies")
			}
		case 1:
			c.slowly()
		default:
			leaver, err := net.Dial("tcp", r.listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			_ = leaver.(*net.TCPConn).SetReadBuffer(128 << 10)
			_, _ = io.WriteString(leaver, get)
			_, _ = io.ReadFull(leaver, make([]byte, 20_000))
			_ = leaver.Close()
		}
	}
}

// slowly downloads in small pieces.
func (c *client) slowly() {
	_ = c.Conn.(patient).Conn.(*net.TCPConn).SetReadBuffer(128 << 10)
	c.send(get)
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.Error(err)
		return
	}
	var body bytes.Buffer
	for err == nil {
		_, err = io.CopyN(&body, resp.Body, 10_000)
		runtime.Gosched()
	}
	if int64(body.Len()) != resp.ContentLength || !intact(body.Bytes()) {
		c.Errorf("got %d bytes, or a mixture of bodies", body.Len())
	}
}

// openPipes returns how many ends of pipes this process has open.
func openPipes(t *testing.T) (n int) {
	t.Helper()
	names, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if target, _ := os.Readlink(name); strings.HasPrefix(target, "pipe:") {
			n++
		}
	}
	return n
}
