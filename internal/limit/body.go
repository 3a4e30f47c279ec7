package limit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

const (
	// perByte is how much memory a byte of a body takes at most while its upload
	// is under way. The dearest are compressed torrents, 3.7, and SOAP calls that encoding/xml
	// reads as a whole, 3.9; others take 1.9 to 2.6 (TestMemoryOfAnUpload in test).
	perByte = 4

	// portion is the step by which the reservation of a body grows, in bytes of body:
	// most torrents are within the first.
	portion = 64 << 10

	// stall is the longest pause between two bytes of a body.
	stall = 30 * time.Second

	// leastRate is the least average rate at which a body must arrive, in bytes a
	// second, after a first time of stall.
	leastRate = 16 << 10
)

// Bodies returns next with the limits applied to request bodies: their number, their memory, and
// their speed. Reading a refused body first returns the refusal, a *reason.Error, without reading
// anything. After that the rest can be read, to be discarded. The request's context must have the
// client's address, and the Reservation for the memory of the body (see [WithReservation]); without
// a Reservation its memory is not counted.
func (l *Limits) Bodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		b := &body{
			ReadCloser: r.Body, limits: l, ctx: r.Context(), declared: r.ContentLength,
			connection: http.NewResponseController(w), reserved: ReservationOf(r.Context()),
		}
		defer b.release()
		r.Body = b
		next.ServeHTTP(w, r)
	})
}

// body is the body of a request. It belongs to the handler's goroutine.
type body struct {
	io.ReadCloser
	limits     *Limits
	ctx        context.Context
	declared   int64 // Content-Length, -1 if there is none
	connection *http.ResponseController

	begun    time.Time    // of the first Read; zero before
	deadline time.Time    // the deadline currently set
	arrived  int64        // bytes
	covered  int64        // bytes of the body with memory reserved, including those that arrived
	reserved *Reservation // of the request
	leave    func()       // ends the count; nil if the body is not counted
	refused  bool         // further bytes are discarded
	err      error        // the error of Read after the end
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case b.refused, len(p) == 0:
		return b.ReadCloser.Read(p)
	}
	if err := b.admit(); err != nil {
		b.refused = true
		b.release()
		return 0, err
	}
	b.extend()
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.covered-b.arrived)])
	b.arrived += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = b.limits.refuse(BodyTime, reason.New(reason.RequestInvalid, "the body came too slowly: %d bytes in %s", b.arrived, time.Since(b.begun).Round(time.Second)))
	}
	b.err = err
	if err == io.EOF {
		// The time of the body is over, and the time of the answer begins.
		_ = b.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}

// admit counts the body on its first read, and reserves memory for its next bytes.
func (b *body) admit() (err error) {
	if b.begun.IsZero() {
		b.begun = time.Now()
		if b.leave, err = b.limits.startUpload(Caller{Addr: origin.FromContext(b.ctx)}); err != nil {
			return err
		}
	}
	if b.covered > b.arrived {
		return nil
	}
	next := int64(portion)
	if b.declared >= 0 {
		next = min(next, max(1, b.declared-b.arrived))
	}
	b.covered += next
	return b.reserved.Take(b.ctx, next*perByte)
}

// extend extends the deadline as bytes arrive.
func (b *body) extend() {
	now := time.Now()
	deadline := b.begun.Add(stall + time.Duration(b.arrived)*time.Second/leastRate)
	if most := b.limits.settings.Load().BodyTime; most > 0 && deadline.After(b.begun.Add(most)) {
		deadline = b.begun.Add(most)
	}
	if deadline.After(now.Add(stall)) {
		deadline = now.Add(stall)
	}
	if deadline.Sub(b.deadline).Abs() < time.Second {
		return
	}
	b.deadline = deadline
	_ = b.connection.SetReadDeadline(deadline) // only tests have a writer without deadlines
}

func (b *body) release() {
	b.reserved.Release()
	if b.leave != nil {
		b.leave()
		b.leave = nil
	}
}

// Inflated returns a reader of the decoded body r. It reserves memory from the Reservation in ctx
// as a body does. It is not safe for concurrent use.
func Inflated(ctx context.Context, r io.Reader) io.Reader {
	return &inflated{Reader: r, ctx: ctx, reserved: ReservationOf(ctx)}
}

type inflated struct {
	io.Reader
	ctx      context.Context
	reserved *Reservation
	left     int // bytes of memory reserved and not used
}

// Read implements [io.Reader].
func (i *inflated) Read(p []byte) (int, error) {
	if i.left == 0 {
		if err := i.reserved.Take(i.ctx, portion*perByte); err != nil {
			return 0, err
		}
		i.left = portion
	}
	n, err := i.Reader.Read(p[:min(len(p), i.left)])
	i.left -= n
	return n, err
}
