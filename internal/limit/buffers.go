package limit

import (
	"context"
	"runtime"
	"sync"
	"time"
	"weak"
)

const (
	// frame is the size of a buffer, in bytes: grpc takes no larger frames.
	frame = 16 << 10

	// idleFrames bounds the buffers that wait to be used again.
	idleFrames = 64

	// frameWait is how long a connection that grpc reads waits for memory before a message
	// that is arriving has to make room.
	frameWait = 250 * time.Millisecond

	// collectEach is the minimum interval between garbage collections for lack of memory.
	collectEach = 100 * time.Millisecond
)

// Buffers lends grpc the memory for arriving messages. A message has no handler, and so no
// Reservation of a call, before it is complete. So each lent buffer has its own Reservation, until
// grpc returns the buffer or the collector finds it; grpc drops the buffers of cancelled calls. The
// Reservation counts at no address until a connection of [Buffers.Frames] reads into the buffer.
// Buffers implements grpc's mem.BufferPool and is safe for concurrent use.
type Buffers struct {
	limits *Limits
	use    Use
	idle   chan *[]byte

	mu   sync.Mutex
	lent map[weak.Pointer[byte]]*Reservation // by their first byte; guarded by mu
}

// Buffers returns new Buffers for messages of one use.
func (l *Limits) Buffers(use Use) *Buffers {
	l.buffered[use].Store(true)
	return &Buffers{limits: l, use: use, idle: make(chan *[]byte, idleFrames), lent: map[weak.Pointer[byte]]*Reservation{}}
}

// Get returns a buffer of n bytes. It waits for memory; meanwhile the connection is not read. If
// there is none in time, it cancels the messages that began to arrive last, one by one. If none
// is arriving, it takes the memory all the same, for a frame that is already here.
func (b *Buffers) Get(n int) *[]byte {
	size := max(n, frame)
	r := b.lend(int64(size))
	buffer := b.make(n, size)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lent[keyOf(*buffer)] = r
	return buffer
}

// lend returns a reservation of n bytes that counts at no address.
func (b *Buffers) lend(n int64) *Reservation {
	r := b.limits.nobodys(b.use)
	r.lasts = true
	b.take(r, nil, n)
	return r
}

// take gives r n bytes, those of lent if that is not nil, as soon as there is room for them or no
// message can make room.
func (b *Buffers) take(r, lent *Reservation, n int64) {
	defer lent.Release()
	l := b.limits
	for !(lent != nil && r.inherit(lent)) && !r.claim(context.Background(), n, frameWait) {
		cut, any := l.arriving.makeRoom(time.Now(), r)
		l.refused[Memory].Add(cut)
		if !any {
			r.force(n)
			return
		}
	}
}

// make returns an idle buffer or a new one, of n bytes with room for size.
func (b *Buffers) make(n, size int) *[]byte {
	if size == frame {
		select {
		case buffer := <-b.idle:
			*buffer = (*buffer)[:n]
			return buffer
		default:
		}
	}
	made := make([]byte, n, size)
	key := keyOf(made)
	runtime.AddCleanup(&made[:1][0], b.back, key)
	return &made
}

// Put takes a buffer back.
func (b *Buffers) Put(buffer *[]byte) {
	b.back(keyOf(*buffer))
	if cap(*buffer) != frame { // a larger one is not kept
		return
	}
	select {
	case b.idle <- buffer:
	default:
	}
}

// back releases the reservation of a lent buffer, once.
func (b *Buffers) back(buffer weak.Pointer[byte]) {
	b.mu.Lock()
	r := b.lent[buffer]
	delete(b.lent, buffer)
	b.mu.Unlock()
	r.Release()
}

// Reserve reserves memory for the copy of a message of n bytes that has arrived in b. The caller
// calls free when the copy is garbage. A patient caller waits up to a minute.
func (b *Buffers) Reserve(n int, patient bool) (free func(), ok bool) {
	wait := b.limits.wait(b.use)
	if patient {
		wait = patience
	}
	r := b.limits.nobodys(b.use)
	return r.Release, r.claim(context.Background(), int64(n), wait)
}

// nobodys returns a Reservation for memory without an address.
func (l *Limits) nobodys(use Use) *Reservation {
	return &Reservation{limits: l, use: use, exempt: true}
}

// collect has a garbage collection start, because r waits for memory and some may be garbage: now,
// or once collectEach has passed since the last one that it started.
func (r *Reservation) collect() {
	l := r.limits
	if !l.buffered[r.use].Load() || !l.collecting.CompareAndSwap(false, true) {
		return // there is no garbage, or a collection is due already
	}
	next := time.Unix(0, l.collected.Load()).Add(collectEach)
	time.AfterFunc(min(time.Until(next), collectEach), func() { // in case the clock was set back
		l.collected.Store(time.Now().UnixNano())
		l.collecting.Store(false)
		runtime.GC()
	})
}

// force adds n bytes unconditionally.
func (r *Reservation) force(n int64) {
	m := &r.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(r, n)
}
