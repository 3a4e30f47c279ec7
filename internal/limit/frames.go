package limit

import (
	"bufio"
	bits "encoding/binary"
	"net"
	"runtime"
	"weak"

	"golang.org/x/net/http2"
)

const (
	// readBuffer is how much is read from a connection at a time, in bytes.
	readBuffer = 64 << 10

	// frameHeader is the size of the header before the payload of a frame, in bytes (RFC
	// 9113, section 4.1).
	frameHeader = 9

	// leastFrame is the size of the smallest frame that counts if grpc reads it into memory
	// of its own, in bytes: grpc gathers smaller frames into buffers. With each frame that
	// counts grpc keeps at most frameCost bytes more.
	leastFrame = 32
	frameCost  = 96

	// lentFrom is the size of a frame up to which grpc does not ask [Buffers] for memory, in bytes
	// (mem.IsBelowBufferPoolingThreshold).
	lentFrom = 1 << 10
)

// frames is a connection of HTTP/2 from which grpc reads messages. Grpc asks [Buffers] for memory
// and does not say for which connection. But it then reads the frame into that memory, so Read
// learns which connection the memory belongs to. Only one goroutine at a time may call Read, as
// with any connection of grpc's.
type frames struct {
	net.Conn
	buffers *Buffers
	from    *Conn // nil: messages count at no address
	in      *bufio.Reader

	left    int  // bytes left of the preface, of a frame's header, or of its payload
	payload int  // bytes of the payload, while its header is read
	counts  bool // the payload is of a message
	last    bool // the frame ends its stream
}

// Frames returns c as a connection whose messages count at the address of its other end: those in
// memory that b has lent, and those that nothing else counts. It is for a server whose grpc has no
// buffer of its own for reading.
func (b *Buffers) Frames(c net.Conn) net.Conn {
	return &frames{
		Conn: c, buffers: b, from: ConnOf(c.RemoteAddr()),
		in: bufio.NewReaderSize(c, readBuffer), left: len(http2.ClientPreface),
	}
}

// Read implements [net.Conn]. It ends where the header or the payload of a frame ends.
func (f *frames) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	switch {
	case f.left > 0:
	case f.payload > 0:
		f.left, f.payload = f.payload, 0
		if f.counts {
			f.buffers.arrive(f.from, p, f.left, f.last)
		}
	default:
		header, err := f.in.Peek(frameHeader)
		if err != nil {
			return 0, err
		}
		f.left, f.payload = frameHeader, int(bits.BigEndian.Uint32(header)>>8)
		f.counts = f.from != nil && http2.FrameType(header[3]) == http2.FrameData
		f.last = http2.Flags(header[4]).Has(http2.FlagDataEndStream)
	}
	n, err := f.in.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

// arrive counts the memory that begins with p, into which a frame of n bytes is about to be read,
// at the address of c. It waits for room as [Buffers.Get] does, but only messages from that
// address make room. A small frame that ends its stream is part of its call's memory.
func (b *Buffers) arrive(c *Conn, p []byte, n int, last bool) {
	if n < leastFrame || last && n <= lentFrom {
		return
	}
	r := b.limits.Reservation(c.caller, b.use, nil)
	r.lasts = true
	lent := b.pass(p, n, r)
	if lent == nil {
		lent = b.lend(int64(n + frameCost))
		runtime.AddCleanup(&p[0], (*Reservation).Release, r)
	}
	b.take(r, lent, lent.size())
}

// pass returns the reservation of a lent buffer that begins with p, for a frame of n bytes, and
// puts r in its place. It returns nil if none is lent.
func (b *Buffers) pass(p []byte, n int, r *Reservation) *Reservation {
	if n <= lentFrom {
		return nil
	}
	key := keyOf(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	lent := b.lent[key]
	if lent != nil {
		b.lent[key] = r
	}
	return lent
}

// keyOf returns a key that identifies the memory of a buffer.
func keyOf(buffer []byte) weak.Pointer[byte] { return weak.Make(&buffer[:1][0]) }

// inherit moves the bytes of from, which count at no address, to r, unless the address of r would
// then have more than its half. It reports whether it moved them.
func (r *Reservation) inherit(from *Reservation) bool {
	m := &r.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isHalf(r, from.n) {
		return false
	}
	n := from.n
	m.add(from, -n)
	m.add(r, n)
	return true
}
