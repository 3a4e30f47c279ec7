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

	// frameWait is how long a connection that grpc reads is held up for want of memory before
	// a message that is arriving has to make room.
	frameWait = 250 * time.Millisecond

	// collectEach is how often at most the garbage collector is run for want of memory.
	collectEach = 100 * time.Millisecond
)

// Buffers lends grpc the memory in which messages arrive. A message is in nobody's hands
// before it is whole, so it has no Hold of a call: each buffer that is lent has one of its
// own, until grpc gives it back or, since grpc drops those of cancelled calls, the collector
// finds it. It implements grpc's mem.BufferPool and is safe for concurrent use.
type Buffers struct {
	limits *Limits
	use    Use
	idle   chan *[]byte

	mu   sync.Mutex
	lent map[weak.Pointer[[]byte]]*Hold // guarded by mu
}

// Buffers returns new ones for messages of one use.
func (l *Limits) Buffers(use Use) *Buffers {
	l.buffered[use].Store(true)
	return &Buffers{limits: l, use: use, idle: make(chan *[]byte, idleFrames), lent: map[weak.Pointer[[]byte]]*Hold{}}
}

// Get returns a buffer of n bytes. It waits for memory: while it does the connection is not
// read. If there is none even so the messages that began to arrive last are cut off one by
// one; if none is arriving the buffer is taken all the same, for a frame that is here already.
func (b *Buffers) Get(n int) *[]byte {
	size, l := max(n, frame), b.limits
	h := l.nobodys(b.use)
	h.lasts = true
	for !h.claim(context.Background(), int64(size), frameWait) {
		cut, any := l.arriving.makeRoom(time.Now())
		l.refused[Memory].Add(cut)
		if !any {
			h.force(int64(size))
			break
		}
	}
	buffer := b.make(n, size)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lent[weak.Make(buffer)] = h
	return buffer
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
	buffer := &made
	runtime.AddCleanup(buffer, b.back, weak.Make(buffer))
	return buffer
}

// Put takes a buffer back.
func (b *Buffers) Put(buffer *[]byte) {
	b.back(weak.Make(buffer))
	if cap(*buffer) != frame { // grpc cuts the front off those with padding
		return
	}
	select {
	case b.idle <- buffer:
	default:
	}
}

// back gives back the memory of a buffer, unless it was given back before.
func (b *Buffers) back(buffer weak.Pointer[[]byte]) {
	b.mu.Lock()
	h := b.lent[buffer]
	delete(b.lent, buffer)
	b.mu.Unlock()
	h.Release()
}

// Reserve takes memory for a message of n bytes that has arrived in b and is to be copied.
// The caller calls free when the copy is garbage. A patient one waits for a minute.
func (b *Buffers) Reserve(n int, patient bool) (free func(), ok bool) {
	wait := b.limits.wait(b.use)
	if patient {
		wait = patience
	}
	h := b.limits.nobodys(b.use)
	return h.Release, h.claim(context.Background(), int64(n), wait)
}

// nobodys returns a Hold for what has arrived at nobody's address in particular.
func (l *Limits) nobodys(use Use) *Hold { return &Hold{limits: l, use: use, exempt: true} }

// collect has the garbage collector run, because h waits for memory and some may be garbage: as
// soon as the last run of this kind is collectEach ago.
func (h *Hold) collect() {
	l := h.limits
	if !l.buffered[h.use].Load() || !l.collecting.CompareAndSwap(false, true) {
		return // there is none, or a run is still to begin
	}
	next := time.Unix(0, l.collected.Load()).Add(collectEach)
	time.AfterFunc(min(time.Until(next), collectEach), func() { // the clock may be set back
		l.collected.Store(time.Now().UnixNano())
		l.collecting.Store(false)
		runtime.GC()
	})
}

// force adds n bytes, whether there is room for them or not.
func (h *Hold) force(n int64) {
	m := &h.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(h, n)
}
