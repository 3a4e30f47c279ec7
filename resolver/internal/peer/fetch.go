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

// window is how many pieces are asked for ahead: 128 KiB, which is less than peers that bound it
// let others ask for.
const window = 8

// Options bound what a peer may send. Both are required.
type Options struct {
	// MaxSize is the size of the largest metadata, in bytes.
	MaxSize int64
	// Memory has the bytes that all exchanges together may hold.
	Memory *semaphore.Weighted
}

// Fetch gets the metadata of the torrent of swarm, a 20-byte id, from the peer at the other end
// of conn, which nobody else uses any more. It ends with ctx at the latest. That the metadata is
// what the id names is for the caller to check, and to call free, unless there is an error, when
// it does not need the metadata any more.
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

// exchange is one with one peer.
type exchange struct {
	*wire
	Options
	peer  offer
	asked int64 // pieces that were asked for
	had   int64 // pieces that came, and all before them
	got   []byte
	early map[int64][]byte // pieces that came before others, fewer than window
	held  int64            // bytes of Memory
}

// begin waits for the offer of the peer.
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

// pieces is how many there are.
func (x *exchange) pieces() int64 { return (x.peer.size + BlockSize - 1) / BlockSize }

// collect asks for all pieces, some ahead, and takes them.
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

// piece waits for a piece that was asked for.
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

// again reads an extension handshake that is not the first. The size of the metadata cannot
// change.
func (x *exchange) again(payload []byte) error {
	now, err := parseOffer(payload, x.MaxSize)
	switch {
	case errors.Is(err, errNothing): // it may leave out what has not changed (BEP 10)
		return nil
	case err != nil:
		return err
	case now.size != x.peer.size:
		return fmt.Errorf("the peer says that its metadata has %d bytes, and then %d", x.peer.size, now.size)
	}
	x.peer = now
	return nil
}

// take takes a message of ut_metadata, and reports whether it was a piece that was asked for. Some
// peers answer in another order: libtorrent does when its buffer is full. A peer that asks here gets
// no answer: it can see that there is nothing.
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

// grow makes room for n bytes more, twice as much as there was. What there was is no longer counted
// while it is copied: who waited for both could wait for itself.
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
