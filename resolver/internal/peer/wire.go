package peer

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// Times of the steps.
const (
	handshakeTime = 10 * time.Second // for the peer's handshake, and again for that of extensions
	blockTime     = 10 * time.Second // for the next piece
)

const (
	// maxExtended is the size of the largest message of an extension, in bytes: a piece, and the
	// dictionary before it.
	maxExtended = BlockSize + 1<<10

	// maxMessage is the size of the largest message that a peer may send, in bytes. The bitfield
	// of the largest torrent has 256 KiB.
	maxMessage = 1 << 20

	// maxIdle is how many bytes of messages that were not asked for are read in all.
	maxIdle = 4 << 20

	// idleCost is what a message of that kind counts at least.
	idleCost = 64
)

const (
	protocol      = "\x13BitTorrent protocol"
	reservedAt    = len(protocol)
	hashAt        = reservedAt + 8
	peerIDAt      = hashAt + infohash.SizeV1
	handshakeSize = peerIDAt + 20

	extensionByte, extensionBit = 5, 0x10 // of the reserved bytes (BEP 10)
)

var (
	errOther     = errors.New("the peer is about another torrent")
	errProtocol  = errors.New("what answers speaks another protocol")
	errExtension = errors.New("the peer has no extensions")
	errChatter   = errors.New("the peer sends too much that it was not asked for")
)

// wire is a connection to a peer. What is written to it is short, and fits into the buffers of
// the system.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	idle int    // bytes that may still come without being asked for
	buf  []byte // of the message that was read last
}

func newWire(conn net.Conn) *wire {
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 4<<10), idle: maxIdle}
}

// within bounds the time of the step that begins.
func (w *wire) within(d time.Duration) error { return w.conn.SetDeadline(time.Now().Add(d)) }

// shake exchanges the handshakes of BEP 3 and sends that of BEP 10.
func (w *wire) shake(swarm infohash.ID) error {
	if err := w.within(handshakeTime); err != nil {
		return err
	}
	hello := make([]byte, 0, 128)
	hello = append(hello, protocol...)
	hello = append(hello, make([]byte, 8)...)
	hello[reservedAt+extensionByte] |= extensionBit
	hello = swarm.AppendTo(hello)
	hello = append(hello, PeerID()...)
	if _, err := w.conn.Write(hello); err != nil {
		return err
	}
	var theirs [handshakeSize]byte
	if _, err := io.ReadFull(w.in, theirs[:]); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	switch {
	case string(theirs[:reservedAt]) != protocol:
		return errProtocol
	case string(theirs[hashAt:peerIDAt]) != string(swarm.AppendTo(nil)):
		return errOther
	case theirs[reservedAt+extensionByte]&extensionBit == 0:
		return errExtension
	}
	return w.send(extensionHandshake, greeting)
}

// PeerID returns a new id by which peers and trackers know a program that asks (BEP 20).
func PeerID() []byte {
	id := append(make([]byte, 0, 20), "-TC0001-"...)
	random := id[len(id):cap(id)]
	_, _ = rand.Read(random) // it never fails
	return id[:cap(id)]
}

// send sends a message of an extension.
func (w *wire) send(id byte, payload string) error {
	message := binary.BigEndian.AppendUint32(nil, uint32(2+len(payload)))
	message = append(message, extended, id)
	_, err := w.conn.Write(append(message, payload...))
	return err
}

// next returns the next message of an extension. It is valid until the next call.
func (w *wire) next() (id byte, payload []byte, err error) {
	for {
		var head [4]byte
		if _, err := io.ReadFull(w.in, head[:]); err != nil {
			return 0, nil, err
		}
		n := int(binary.BigEndian.Uint32(head[:]))
		if n > maxMessage {
			return 0, nil, fmt.Errorf("a message of %d bytes", n)
		}
		kind := byte(0)
		if n > 0 { // else the connection is kept alive
			if kind, err = w.in.ReadByte(); err != nil {
				return 0, nil, err
			}
			n--
		}
		if kind == extended && n > 0 && n <= maxExtended {
			w.buf = append(w.buf[:0], make([]byte, n)...)
			_, err := io.ReadFull(w.in, w.buf)
			return w.buf[0], w.buf[1:], err
		}
		if err := w.skip(n); err != nil {
			return 0, nil, err
		}
	}
}

// skip drops n bytes of a message that was not asked for.
func (w *wire) skip(n int) error {
	if err := w.chat(n); err != nil {
		return err
	}
	_, err := w.in.Discard(n)
	return err
}

// chat counts a message of n bytes that was not asked for.
func (w *wire) chat(n int) error {
	if w.idle -= max(n, idleCost); w.idle < 0 {
		return errChatter
	}
	return nil
}

// closeWith has conn closed when ctx ends, until stop is called.
func closeWith(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { conn.Close() })
}
