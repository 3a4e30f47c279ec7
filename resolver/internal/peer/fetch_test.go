package peer_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/resolver/internal/peer"
)

// maxSize is the maximum size of the metadata in these tests, in bytes.
const maxSize = 10_000_000

var swarm = infohash.V1([20]byte{1, 2, 3})

// remote is a peer at the other end of a connection.
type remote struct {
	net.Conn
	t *testing.T
}

func (r *remote) write(b []byte) bool {
	_, err := r.Write(b)
	return err == nil
}

// shake answers the handshake.
func (r *remote) shake() bool {
	var theirs [68]byte
	if _, err := io.ReadFull(r, theirs[:]); err != nil {
		return false
	}
	if theirs[25]&0x10 == 0 {
		r.t.Error("the handshake does not say that there are extensions")
	}
	return r.write(hello(swarm))
}

func hello(id infohash.ID) []byte {
	return append(id.AppendTo([]byte("\x13BitTorrent protocol\x00\x00\x00\x00\x00\x10\x00\x05")), bytes.Repeat([]byte("p"), 20)...)
}

// message returns an extension message.
func message(id byte, payload string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(2+len(payload)))
	return append(append(b, 20, id), payload...)
}

func offer(size int64) []byte {
	return message(0, fmt.Sprintf("d1:md11:ut_metadatai3ee13:metadata_sizei%dee", size))
}

func piece(n, total int, content []byte) []byte {
	return message(1, fmt.Sprintf("d8:msg_typei1e5:piecei%de10:total_sizei%dee%s", n, total, content))
}

// next returns the next extension message.
func (r *remote) next() (id byte, payload []byte, ok bool) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, false
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(r, b); err != nil || len(b) < 2 {
		return 0, nil, false
	}
	return b[1], b[2:], true
}

// requests calls answer for each requested piece.
func (r *remote) requests(answer func(n int) bool) {
	for {
		id, payload, ok := r.next()
		if !ok {
			return
		}
		var n int
		if _, err := fmt.Sscanf(string(payload), "d8:msg_typei0e5:piecei%dee", &n); id == 0 || err != nil {
			continue
		}
		if id != 3 {
			r.t.Errorf("a request has the id %d", id)
		}
		if !answer(n) {
			return
		}
	}
}

// serve sends metadata, and unrequested messages besides, as real peers do.
func (r *remote) serve(metadata []byte) {
	if !r.shake() {
		return
	}
	have := binary.BigEndian.AppendUint32(nil, 5)
	go func() { // the other end writes, too
		_ = r.write(append(have, 4, 0, 0, 0, 1)) && r.write(make([]byte, 4)) && r.write(offer(int64(len(metadata)))) &&
			r.write(append(binary.BigEndian.AppendUint32(nil, 1<<18+1), append([]byte{5}, make([]byte, 1<<18)...)...))
	}()
	answers := make(chan []byte, 1000)
	defer close(answers)
	go func() {
		for b := range answers {
			if !r.write(b) {
				return
			}
		}
	}()
	r.requests(func(n int) bool {
		end := min(len(metadata), (n+1)*peer.BlockSize)
		answers <- piece(n, len(metadata), metadata[n*peer.BlockSize:end])
		return true
	})
}

// fetch gets metadata from a peer that runs behave, and returns how long that took.
func fetch(t *testing.T, behave func(*remote)) (metadata []byte, took time.Duration, err error) {
	t.Helper()
	here, there := net.Pipe()
	done := make(chan struct{})
	defer func() { here.Close(); there.Close(); <-done }()
	go func() { defer close(done); behave(&remote{there, t}) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	begun := time.Now()
	memory := semaphore.NewWeighted(maxSize)
	metadata, free, err := peer.Fetch(ctx, here, swarm, peer.Options{MaxSize: maxSize, Memory: memory})
	if err == nil {
		free()
	}
	if !memory.TryAcquire(maxSize) {
		t.Error("memory is not given back")
	}
	return metadata, time.Since(begun), err
}

func TestFetch(t *testing.T) {
	for _, size := range []int{1, 1000, peer.BlockSize - 1, peer.BlockSize, peer.BlockSize + 1, 20 * peer.BlockSize, 9_900_000} {
		metadata := torrenttest.Data(uint64(size), size)
		got, _, err := fetch(t, func(r *remote) { r.serve(metadata) })
		if err != nil || !bytes.Equal(got, metadata) {
			t.Errorf("%d bytes: %d bytes, %v", size, len(got), err)
		}
	}
}

// A peer may send pieces out of order.
func TestFetchInAnotherOrder(t *testing.T) {
	const size = 40 * peer.BlockSize
	metadata := torrenttest.Data(1, size)
	got, _, err := fetch(t, func(r *remote) {
		if !r.shake() {
			return
		}
		go r.write(offer(size)) // the other end writes, too
		var held []byte         // the piece that was asked for before
		r.requests(func(n int) bool {
			answer := piece(n, size, metadata[n*peer.BlockSize:(n+1)*peer.BlockSize])
			if held == nil {
				held = answer
				return true
			}
			first := held
			held = nil
			go func() { _ = r.write(append(answer, first...)) }()
			return true
		})
	})
	if err != nil || !bytes.Equal(got, metadata) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// drip writes b one byte at a time, with a pause before each byte.
func (r *remote) drip(b []byte, every time.Duration) {
	for i := range b {
		time.Sleep(every)
		if !r.write(b[i : i+1]) {
			return
		}
	}
}

// after returns a peer that runs behave after both handshakes, and discards everything it
// receives meanwhile.
func after(size int64, behave func(*remote)) func(*remote) {
	return func(r *remote) {
		if !r.shake() {
			return
		}
		go func() { _, _ = io.Copy(io.Discard, r) }()
		if size == 0 || r.write(offer(size)) {
			behave(r)
		}
	}
}

// say returns a peer that writes messages and keeps the connection open.
func say(all ...[]byte) func(*remote) {
	return func(r *remote) {
		for _, b := range all {
			if !r.write(b) {
				return
			}
		}
	}
}

// forever returns a peer that writes a message again and again.
func forever(b []byte) func(*remote) {
	return func(r *remote) {
		for r.write(b) {
		}
	}
}

// Fetch gives up on every hostile peer in less than the minute that a search has. It gives up on a
// peer that drips or is silent when its step times out, and on all others at once.
func TestHostilePeers(t *testing.T) {
	block := bytes.Repeat([]byte("x"), peer.BlockSize)
	const steps = 2 * 10 * time.Second
	for name, c := range map[string]struct {
		behave func(*remote)
		most   time.Duration
	}{
		"closes":                   {func(r *remote) { r.Close() }, 0},
		"says nothing":             {func(*remote) {}, steps},
		"is a web server":          {func(r *remote) { r.write([]byte(strings.Repeat("HTTP/1.1 400 Bad Request\r\n", 5))) }, steps},
		"is about another torrent": {func(r *remote) { go io.Copy(io.Discard, r); r.write(hello(infohash.V1([20]byte{9}))) }, 0},
		"has no extensions":        {func(r *remote) { go io.Copy(io.Discard, r); b := hello(swarm); b[25] = 0; r.write(b) }, 0},
		"drips its handshake":      {func(r *remote) { go io.Copy(io.Discard, r); r.drip(hello(swarm), time.Second) }, steps},

		"no extension handshake":         {after(0, say()), steps},
		"drips its extension handshake":  {after(0, func(r *remote) { r.drip(offer(1000), time.Second) }), steps},
		"only keep-alives, slowly":       {after(0, func(r *remote) { r.drip(make([]byte, 1000), 100*time.Millisecond) }), steps},
		"endless keep-alives":            {after(0, forever(make([]byte, 4))), 0},
		"endless messages":               {after(0, forever([]byte{0, 0, 0, 5, 4, 0, 0, 0, 1})), 0},
		"a message of 4 GiB":             {after(0, say([]byte{255, 255, 255, 255, 20})), 0},
		"no metadata":                    {after(0, say(message(0, "d1:mdee"))), 0},
		"no size":                        {after(0, say(message(0, "d1:md11:ut_metadatai3eee"))), 0},
		"an extension handshake of rest": {after(0, say(message(0, "i1e"))), 0},
		"a malformed handshake":          {after(0, say(message(0, "d1:md11:ut_metadatai3"))), 0},
		"an id that is no byte":          {after(0, say(message(0, "d1:md11:ut_metadatai300ee13:metadata_sizei10ee"))), 0},
		"size 0":                         {after(0, say(offer(0))), 0},
		"size -1":                        {after(0, say(offer(-1))), 0},
		"size 2^31":                      {after(0, say(offer(1<<31))), 0},
		"size 2^63-1":                    {after(0, say(offer(1<<63-1))), 0},
		"one byte too many":              {after(0, say(offer(maxSize+1))), 0},

		"endless handshakes":          {after(1000, forever(offer(1000))), 0},
		"another size":                {after(1000, say(offer(1001))), 0},
		"a size too large, later":     {after(1000, say(offer(1<<31))), 0},
		"another total size":          {after(peer.BlockSize, say(piece(0, peer.BlockSize+1, block))), 0},
		"rejects":                     {after(1000, say(message(1, "d8:msg_typei2e5:piecei0ee"))), 0},
		"a piece not asked for":       {after(50*peer.BlockSize, say(piece(20, 50*peer.BlockSize, block))), 0},
		"a piece beyond the end":      {after(5*peer.BlockSize, say(piece(5, 5*peer.BlockSize, block))), 0},
		"the second piece twice":      {after(5*peer.BlockSize, say(piece(1, 5*peer.BlockSize, block), piece(1, 5*peer.BlockSize, block))), 0},
		"the second piece alone":      {after(5*peer.BlockSize, say(piece(1, 5*peer.BlockSize, block))), 2 * steps},
		"piece -1":                    {after(5*peer.BlockSize, say(piece(-1, 5*peer.BlockSize, block))), 0},
		"a piece twice":               {after(5*peer.BlockSize, say(piece(0, 5*peer.BlockSize, block), piece(0, 5*peer.BlockSize, block))), 0},
		"a short piece":               {after(5*peer.BlockSize, say(piece(0, 5*peer.BlockSize, block[1:]))), 0},
		"a long piece":                {after(1000, say(piece(0, 1000, block))), 0},
		"a malformed piece":           {after(1000, say(message(1, "d8:msg_type"))), 0},
		"a piece without a number":    {after(1000, say(message(1, "d8:msg_typei1ee"))), 0},
		"endless requests":            {after(1000, forever(message(1, "d8:msg_typei0e5:piecei0ee"))), 0},
		"endless other extensions":    {after(1000, forever(message(7, "de"))), 0},
		"no pieces":                   {after(1000, say()), steps},
		"drips a piece":               {after(1000, func(r *remote) { r.drip(piece(0, 1000, block[:1000]), 100*time.Millisecond) }), steps},
		"one piece and no more":       {after(5*peer.BlockSize, say(piece(0, 5*peer.BlockSize, block))), 2 * steps},
		"handshakes in place of data": {after(1000, func(r *remote) { r.dripMessages(offer(1000)) }), steps},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, took, err := fetch(t, c.behave)
				if err == nil || got != nil || took > c.most {
					t.Errorf("%d bytes after %s, %v", len(got), took, err)
				}
			})
		})
	}
}

// dripMessages writes a message every second.
func (r *remote) dripMessages(b []byte) {
	for r.write(b) {
		time.Sleep(time.Second)
	}
}

// Fetch ends with its context, even if the peer sends a piece now and then.
func TestFetchEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := bytes.Repeat([]byte("x"), peer.BlockSize)
		_, took, err := fetch(t, after(100*peer.BlockSize, func(r *remote) {
			for n := range 100 {
				time.Sleep(9 * time.Second)
				r.write(piece(n, 100*peer.BlockSize, block))
			}
		}))
		if err == nil || took > time.Minute {
			t.Errorf("%v after %s", err, took)
		}
	})
}
