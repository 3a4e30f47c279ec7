package limit

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// frameReader reads frames from a connection as grpc does it.
type frameReader struct {
	t    *testing.T
	pool *Buffers
	conn net.Conn
}

// readConn is a connection on which these bytes arrive.
type readConn struct {
	net.Conn
	io.Reader
	known *Conn
}

func (c readConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (c readConn) RemoteAddr() net.Addr { return connAddr{&net.TCPAddr{}, c.known} }

// framesFrom returns a reader of the frames that write sends from c.
func framesFrom(t *testing.T, pool *Buffers, c Caller, write func(*http2.Framer)) *frameReader {
	t.Helper()
	sent := bytes.NewBufferString(http2.ClientPreface)
	write(http2.NewFramer(sent, nil))
	known := &Conn{limits: pool.limits, caller: c}
	r := &frameReader{t, pool, pool.Frames(readConn{Reader: sent, known: known})}
	if _, err := io.ReadFull(r.conn, make([]byte, len(http2.ClientPreface))); err != nil {
		t.Fatal(err)
	}
	return r
}

// read reads a frame, into a buffer of the pool if it has 1 KiB or more.
func (r *frameReader) read() *[]byte {
	r.t.Helper()
	header := make([]byte, frameHeader)
	if _, err := io.ReadFull(r.conn, header); err != nil {
		r.t.Fatal(err)
	}
	n := int(header[0])<<16 | int(header[1])<<8 | int(header[2])
	payload := make([]byte, n)
	buffer := &payload
	if n >= 1<<10 && header[3] == byte(http2.FrameData) {
		buffer = r.pool.Get(n)
	}
	if _, err := io.ReadFull(r.conn, *buffer); err != nil {
		r.t.Fatal(err)
	}
	return buffer
}

// heldBy returns how many bytes of uploads c's address holds.
func heldBy(l *Limits, c Caller) int64 {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	if p := l.memory.parts[share{c.block(), Uploading}]; p != nil {
		return p.held
	}
	return 0
}

// Messages that grpc reads count at the address from which they come, in frames of
// every kind, as long as they are in memory.
func TestFramesCountAtTheirAddress(t *testing.T) {
	l := New(Settings{Memory: 1 << 20, UploadMemory: 1 << 20})
	r := framesFrom(t, l.Buffers(Uploading), someone, func(f *http2.Framer) {
		_ = f.WriteSettings()
		_ = f.WriteData(1, false, make([]byte, frame))
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: make([]byte, 1000), EndHeaders: true})
		_ = f.WriteData(1, false, make([]byte, 1000))
		_ = f.WriteData(1, false, make([]byte, leastFrame-1))
		_ = f.WriteData(3, true, make([]byte, 1000))
		_ = f.WriteData(1, true, make([]byte, 5000))
	})
	r.read()
	large := r.read()
	r.read()
	small := r.read()
	for range 2 {
		r.read()
	}
	last := r.read()
	if got, want := heldBy(l, someone), int64(2*frame+1000+frameCost); got != want || l.Stats().UploadBytes != want {
		t.Errorf("the address holds %d bytes and all %d, want %d", got, l.Stats().UploadBytes, want)
	}
	if _, err := r.conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v at the end", err)
	}
	r.pool.Put(large)
	r.pool.Put(last)
	runtime.KeepAlive(small)
	collected(t, l, 0) // the small one
	wantIdle(t, l)
}

// An address that has its half is not read from, its last message to begin makes room, and it may
// not begin others. The only message of an address comes to its end.
func TestMessagesOfAnAddressHaveItsHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Memory: 8 * frame, UploadMemory: 8 * frame, Wait: time.Second})
		pool, cut := l.Buffers(Uploading), ""
		for _, name := range []string{"first", "second", "third"} {
			l.Arriving(someone, OnCall, func() { cut += name + " " })
			time.Sleep(time.Millisecond)
		}
		l.Arriving(neighbor, OnCall, func() { cut += "a neighbor's " })
		r := framesFrom(t, pool, someone, func(f *http2.Framer) {
			for range 5 {
				_ = f.WriteData(1, false, make([]byte, frame))
			}
		})
		begin := time.Now()
		var kept []*[]byte
		for range 4 {
			kept = append(kept, r.read())
		}
		if cut != "" || time.Now() != begin || heldBy(l, someone) != 4*frame {
			t.Errorf("%s was cut off within the half, %d bytes are held", cut, heldBy(l, someone))
		}
		if _, err := l.ArrivingUpload(someone); err == nil {
			t.Error("another upload may begin")
		}
		leave, err := l.ArrivingUpload(neighbor)
		if err != nil {
			t.Fatal(err)
		}
		leave()
		kept = append(kept, r.read())
		if took := time.Since(begin); cut != "third second " || took != 3*frameWait || heldBy(l, someone) != 5*frame {
			t.Errorf("%swere cut off within %s, %d bytes are held", cut, took, heldBy(l, someone))
		}
		runtime.KeepAlive(kept)
	})
}
