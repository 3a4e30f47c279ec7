package httpx

import (
	"errors"
	"io"
	"math/bits"
	"net/http"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/internal/reason"
)

const (
	// firstRead is how much memory a request gets before any of its body has
	// arrived, in bytes. A client that only announces a large body costs no more.
	firstRead = 64 << 10

	// growth is the factor by which a full buffer grows: the buffer is at most this
	// many times as large as the bytes that have arrived. With a factor of 4 a body of
	// 10 MB would leave 5 MB of garbage behind; with 16 it leaves 1 MB.
	growth = 16

	// maxDrain is how much of a refused body is read and thrown away, in bytes.
	maxDrain = 64 << 20

	// drainTime is how long that may take.
	drainTime = 30 * time.Second
)

// ReadBody reads the body of r, at most limit bytes. It is for server requests.
//
// A body over the limit is TORRENT_TOO_LARGE: by its Content-Length before
// anything is read (so a client that sent Expect: 100-continue never sends it),
// else after limit+1 bytes. A body that stops half-way or is no HTTP body is
// REQUEST_INVALID. ReadBody never holds more than limit+1 bytes, and its memory
// grows only as the body arrives. [Reuse] takes the memory back.
//
// ReadBody reads up to 64 MiB of a refused body and throws them away: PHP and Perl
// clients write everything before they read, and would see a reset connection in
// place of the answer.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *reason.Error) {
	if r.ContentLength > limit {
		Drain(w, r)
		return nil, tooLarge(limit)
	}
	most := limit + 1
	if r.ContentLength >= 0 {
		most = r.ContentLength
	}
	body, err := readUpTo(r.Body, min(most, firstRead), most, nil)
	if err != nil {
		refused := bodyError(err, limit, len(body))
		if refused.Reason != reason.RequestInvalid { // the body is not at fault, and still comes
			Drain(w, r)
		}
		return nil, refused
	}
	if int64(len(body)) > limit {
		Drain(w, r)
		return nil, tooLarge(limit)
	}
	return body, nil
}

// ReadAll reads r to its end, as [io.ReadAll] does, but its memory grows as that of [ReadBody].
// R must end or fail after at most most bytes. [Reuse] takes the memory back.
func ReadAll(r io.Reader, most int64) ([]byte, error) { return ReadUntil(r, most, nil) }

// ReadUntil is [ReadAll], but stops as soon as done says that the body is
// complete: some clients never send its end.
func ReadUntil(r io.Reader, most int64, done func([]byte) bool) ([]byte, error) {
	most++ // one byte more, to see the end
	return readUpTo(r, min(most, firstRead), most, done)
}

// readUpTo reads body until its end, until it has most bytes, or until done, unless nil,
// returns true. Its memory has first bytes to begin with.
func readUpTo(body io.Reader, first, most int64, done func([]byte) bool) ([]byte, error) {
	buf := newMemory(first)
	for int64(len(buf)) < most {
		if len(buf) == cap(buf) {
			larger := make([]byte, len(buf), min(most, growth*int64(cap(buf))))
			copy(larger, buf)
			Reuse(buf)
			buf = larger
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil || done != nil && done(buf) {
			return buf, err
		}
	}
	return buf, nil
}

func tooLarge(limit int64) *reason.Error {
	return reason.New(reason.TorrentTooLarge, "the body is larger than the %d bytes this server accepts here", limit)
}

func bodyError(err error, limit int64, got int) *reason.Error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(limit)
	}
	if e, ok := errors.AsType[*reason.Error](err); ok { // from the reader that limits the body
		return e
	}
	return reason.New(reason.RequestInvalid, "the body ended early, after %d bytes; send it whole", got).Because(err)
}

// Drain discards up to 64 MiB of the rest of a body, in at most 30 seconds; call
// it before answering a request whose body was not read to its end. It does
// nothing if the client waits for 100 Continue. If bytes are still unread
// afterwards, net/http closes the connection.
func Drain(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Expect") != "" || r.ContentLength > maxDrain {
		return
	}
	// A writer without deadlines (a test recorder) leaves the server's own ones.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.CopyN(io.Discard, r.Body, maxDrain) // an error changes nothing
}

// Sizes of memory that bodies use again, as exponents of two: from 4 KiB to the memory
// that a body gets at first, with one byte more to see its end.
const (
	leastMemory = 12
	mostMemory  = 17
)

// memories hold the memory that can be used again, by size. The garbage collector
// empties them in time.
var memories [mostMemory - leastMemory + 1]sync.Pool // of *[]byte

// newMemory returns an empty slice with a capacity of at least n bytes, which may hold the
// content of an earlier body.
func newMemory(n int64) []byte {
	exponent := max(bits.Len64(uint64(max(n, 1)-1)), leastMemory)
	if exponent > mostMemory {
		return make([]byte, 0, n)
	}
	if b, ok := memories[exponent-leastMemory].Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, 1<<exponent)
}

// Reuse takes back a body that [ReadBody], [ReadAll] or [ReadUntil] returned. Nobody may use
// any part of it afterwards. New memory for each upload, cleared and then collected, was a
// tenth of the cost of a form of 20 KB. The garbage collector frees a body that is not taken
// back. Reuse ignores nil.
func Reuse(body []byte) {
	exponent := bits.Len(uint(cap(body))) - 1
	if exponent < leastMemory || exponent > mostMemory || cap(body) != 1<<exponent {
		return
	}
	memories[exponent-leastMemory].Put(&body)
}
