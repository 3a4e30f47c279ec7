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
	"github.com/torrentcache/torrentcache/resolver/internal/bencode"
)

// Time limits of the steps.
const (
	handshakeTime = 10 * time.Second // for the peer's handshake, and again for its extension handshake
	blockTime     = 10 * time.Second // for the next piece
)

const (
	// maxExtended is the maximum size of an extension message in bytes: a piece and the
	// dictionary before it.
	maxExtended = BlockSize + 1<<10

	// maxMessage is the maximum size of any message in bytes. The bitfield of the largest torrent
	// has 256 KiB.
	maxMessage = 1 << 20

	// maxIdle is the maximum total size of unrequested messages in bytes.
	maxIdle = 4 << 20

	// idleCost is the minimum number of bytes that an unrequested message counts as.
	idleCost = 64
)

const (
	protocol      = "\x13BitTorrent protocol"
	reservedAt    = len(protocol)
	hashAt        = reservedAt + 8
	peerIDAt      = hashAt + infohash.SizeV1
	handshakeSize = peerIDAt + 20

	extensionByte, extensionBit = 5, 0x10 // in the reserved bytes (BEP 10)
)

var (
	errOther     = errors.New("the peer is about another torrent")
	errProtocol  = errors.New("the peer does not speak the BitTorrent protocol")
	errExtension = errors.New("the peer has no extensions")
	errChatter   = errors.New("the peer sends too much that it was not asked for")
)

// wire is a connection to a peer. Messages to the peer are short and fit into the buffers of the
// system.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	idle int    // bytes of unrequested messages that the peer may still send
	buf  []byte // the message that was read last
}

func newWire(conn net.Conn) *wire {
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 4<<10), idle: maxIdle}
}

// within sets the time limit of the step that begins.
func (w *wire) within(d time.Duration) error { return w.conn.SetDeadline(time.Now().Add(d)) }

// shake exchanges the handshakes of BEP 3 and sends the extension handshake of BEP 10.
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

// PeerID returns a new random peer id with this client's prefix (BEP 20).
func PeerID() []byte {
	id := append(make([]byte, 0, 20), "-TC0001-"...)
	random := id[len(id):cap(id)]
	_, _ = rand.Read(random) // it never fails
	return id[:cap(id)]
}

// send sends an extension message.
func (w *wire) send(id byte, payload string) error {
	message := binary.BigEndian.AppendUint32(nil, uint32(2+len(payload)))
	message = append(message, extended, id)
	_, err := w.conn.Write(append(message, payload...))
	return err
}

// next returns the next extension message, and skips other messages. The payload is valid until
// the next call.
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
		if n > 0 { // a length of 0 is a keep-alive
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

// skip discards n bytes of an unrequested message.
func (w *wire) skip(n int) error {
	if err := w.chat(n); err != nil {
		return err
	}
	_, err := w.in.Discard(n)
	return err
}

// chat counts an unrequested message of n bytes.
func (w *wire) chat(n int) error {
	if w.idle -= max(n, idleCost); w.idle < 0 {
		return errChatter
	}
	return nil
}

// closeWith closes conn when ctx ends, unless stop was called before.
func closeWith(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { conn.Close() })
}

// Messages (BEP 3 and BEP 10).
const (
	extended = 20 // an extension message; its first byte is the extension's id

	extensionHandshake = 0
	ourMetadataID      = 1 // the id that the peer uses to send ut_metadata here
)

// Kinds of ut_metadata messages (BEP 9).
const (
	request = 0
	data    = 1
	reject  = 2
)

// BlockSize is the size in bytes of each piece of metadata but the last (BEP 9).
const BlockSize = 16 << 10

// greeting is the extension handshake to the peer. It offers ut_metadata without a size, because
// this side has no metadata.
const greeting = "d1:md11:ut_metadatai1eee"

var errNothing = errors.New("the peer has no metadata to give")

// offer is the content of a peer's extension handshake.
type offer struct {
	id   byte  // the id that the peer expects in ut_metadata messages
	size int64 // of the metadata, in bytes
}

// parseOffer reads an extension handshake. The returned size is more than 0 and at most maxSize.
func parseOffer(b []byte, maxSize int64) (offer, error) {
	dict, _, err := bencode.Cut(b)
	if err != nil {
		return offer{}, fmt.Errorf("extension handshake: %w", err)
	}
	id, hasID := bencode.Int(bencode.Lookup(bencode.Lookup(dict, "m"), "ut_metadata"))
	size, hasSize := bencode.Int(bencode.Lookup(dict, "metadata_size"))
	switch {
	case !hasID || id == 0 || !hasSize || size == 0:
		return offer{}, errNothing
	case id < 0 || id > 255:
		return offer{}, fmt.Errorf("extension handshake: ut_metadata is %d", id)
	case size < 0 || size > maxSize:
		return offer{}, fmt.Errorf("extension handshake: metadata_size is %d, want 1 to %d", size, maxSize)
	}
	return offer{byte(id), size}, nil
}

// block is a ut_metadata message.
type block struct {
	kind, piece int64
	total       int64 // the size of all metadata; 0 if the message does not say
	content     []byte
}

// parseBlock reads a ut_metadata message: a dictionary, followed by the content.
func parseBlock(b []byte) (block, error) {
	dict, content, err := bencode.Cut(b)
	if err != nil {
		return block{}, fmt.Errorf("ut_metadata: %w", err)
	}
	kind, hasKind := bencode.Int(bencode.Lookup(dict, "msg_type"))
	piece, hasPiece := bencode.Int(bencode.Lookup(dict, "piece"))
	if !hasKind || !hasPiece {
		return block{}, errors.New("ut_metadata: msg_type or piece is missing")
	}
	total, _ := bencode.Int(bencode.Lookup(dict, "total_size"))
	return block{kind, piece, total, content}, nil
}
