// Package peer gets the info dictionary of a torrent from a peer: BEP 9 (ut_metadata) over BEP 10
// (the extension protocol) over BEP 3, on a connection that the caller has made. It asks only for
// metadata, and serves nothing.
//
// The package trusts nothing that a peer says. The caller must check the metadata against the
// info hash. The package bounds sizes, numbers and times:
//
//   - each step has its own time limit, which bytes that do not complete the step do not extend;
//   - unrequested messages are read and dropped, up to maxIdle bytes in all;
//   - memory is taken for bytes that have arrived, not for the size that the peer announced.
package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sync/semaphore"

	"github.com/torrentcache/torrentcache/infohash"
)

// window is how many pieces are requested ahead: 128 KiB. Peers that limit the requests in flight
// allow more.
const window = 8

// Options bound the data that a peer may send. Both are required.
type Options struct {
	// MaxSize is the maximum size of the metadata in bytes.
	MaxSize int64
	// Memory bounds the bytes that all exchanges together hold.
	Memory *semaphore.Weighted
}

// Fetch gets the metadata of the torrent from the peer at the other end of conn, which no other
// code may use any more. Swarm is the torrent's 20-byte id. Fetch returns when ctx ends at the
// latest. The caller must check that the metadata matches the id. Unless there is an error, the
// caller must also call free when it no longer needs the metadata.
func Fetch(ctx context.Context, conn net.Conn, swarm infohash.ID, o Options) (metadata []byte, free func(), err error) {
	defer closeWith(ctx, conn)()
	x := &exchange{wire: newWire(conn), Options: o, early: map[int64][]byte{}}
	free = func() { o.Memory.Release(x.held) }
	if err = x.shake(swarm); err == nil {
		err = x.begin()
	}
	if err == nil {
		err = x.collect(ctx)
	}
	if err != nil {
		free()
		return nil, nil, errors.Join(ctx.Err(), err)
	}
	return x.got, free, nil
}

// exchange is the conversation with one peer.
type exchange struct {
	*wire
	Options
	peer  offer
	asked int64 // number of pieces requested
	had   int64 // number of pieces in got
	got   []byte
	early map[int64][]byte // pieces that arrived out of order, fewer than window
	held  int64            // bytes acquired from Memory
}

// begin waits for the peer's extension handshake.
func (x *exchange) begin() error {
	if err := x.within(handshakeTime); err != nil {
		return err
	}
	for {
		id, payload, err := x.next()
		if err != nil {
			return fmt.Errorf("extension handshake: %w", err)
		}
		if id == extensionHandshake {
			x.peer, err = parseOffer(payload, x.MaxSize)
			return err
		}
		if err := x.chat(len(payload)); err != nil {
			return err
		}
	}
}

// pieces returns the number of pieces of the metadata.
func (x *exchange) pieces() int64 { return (x.peer.size + BlockSize - 1) / BlockSize }

// collect requests all pieces, up to window ahead, and receives them.
func (x *exchange) collect(ctx context.Context) error {
	for x.had < x.pieces() {
		if err := x.within(blockTime); err != nil {
			return err
		}
		for ; x.asked < min(x.had+window, x.pieces()); x.asked++ {
			if err := x.send(x.peer.id, fmt.Sprintf("d8:msg_typei%de5:piecei%dee", request, x.asked)); err != nil {
				return err
			}
		}
		if err := x.piece(ctx); err != nil {
			return err
		}
	}
	return nil
}

// piece waits for a requested piece.
func (x *exchange) piece(ctx context.Context) error {
	for {
		id, payload, err := x.next()
		switch {
		case err != nil:
			return fmt.Errorf("piece %d: %w", x.had, err)
		case id == ourMetadataID:
			took, err := x.take(ctx, payload)
			if took || err != nil {
				return err
			}
		case id == extensionHandshake:
			if err := x.again(payload); err != nil {
				return err
			}
		}
		if err := x.chat(len(payload)); err != nil {
			return err
		}
	}
}

// again reads a later extension handshake. The size of the metadata must not change.
func (x *exchange) again(payload []byte) error {
	now, err := parseOffer(payload, x.MaxSize)
	switch {
	case errors.Is(err, errNothing): // a later handshake may omit unchanged keys (BEP 10)
		return nil
	case err != nil:
		return err
	case now.size != x.peer.size:
		return fmt.Errorf("the peer says that its metadata has %d bytes, and then %d", x.peer.size, now.size)
	}
	x.peer = now
	return nil
}

// take handles a ut_metadata message, and reports whether it was a requested piece. Some peers
// send pieces out of order: libtorrent does when its buffer is full. Requests from the peer get
// no answer, because the greeting offered no metadata.
func (x *exchange) take(ctx context.Context, payload []byte) (took bool, err error) {
	b, err := parseBlock(payload)
	switch {
	case err != nil:
		return false, err
	case b.kind == reject:
		return false, errNothing
	case b.kind != data:
		return false, nil
	case b.piece < x.had || b.piece >= x.asked || x.early[b.piece] != nil:
		return false, fmt.Errorf("the peer sends piece %d, which was not asked for", b.piece)
	case b.total != 0 && b.total != x.peer.size:
		return false, fmt.Errorf("the peer says that its metadata has %d bytes, and then %d", x.peer.size, b.total)
	case int64(len(b.content)) != min(BlockSize, x.peer.size-b.piece*BlockSize):
		return false, fmt.Errorf("piece %d has %d bytes", b.piece, len(b.content))
	}
	x.early[b.piece] = bytes.Clone(b.content)
	for next := x.early[x.had]; next != nil; next = x.early[x.had] {
		if err := x.grow(ctx, len(next)); err != nil {
			return false, err
		}
		x.got = append(x.got, next...)
		delete(x.early, x.had)
		x.had++
	}
	return true, nil
}

// grow makes room for n more bytes, and at least doubles the capacity. It acquires only the
// difference between the old and the new size: an exchange that waited for both sizes at once
// could wait for the memory that it holds itself.
func (x *exchange) grow(ctx context.Context, n int) error {
	need := len(x.got) + n
	if need <= cap(x.got) {
		return nil
	}
	size := min(int64(max(need, 2*cap(x.got))), x.peer.size)
	if err := x.Memory.Acquire(ctx, size-x.held); err != nil {
		return err
	}
	x.got, x.held = append(make([]byte, 0, size), x.got...), size
	return nil
}
