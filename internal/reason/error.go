package reason

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Error is a failed call: a reason and a message that tells the caller what to
// change. The cause, if any, is for the log and never leaves the process.
type Error struct {
	Reason  Reason
	Message string

	code       codes.Code
	cause      error
	retryAfter time.Duration
	field      string // of the request, which is at fault; empty if none is
	offset     string // of the byte in the torrent that breaks a rule, as a number; empty if none does
	upstreams  string // what is known of the torrent at other caches; empty if there are none
	wanted     Wanted // whether the torrent is looked for among peers
}

// Where an ErrorInfo has these among its metadata.
const (
	offsetKey    = "byte_offset"
	upstreamsKey = "upstreams"
	wantedKey    = "wanted"
)

// Wanted is whether a torrent that is not here is looked for among peers. Empty: it is not, and
// cannot be.
type Wanted string

// The values.
const (
	NotWanted Wanted = "no" // it can be
	Looking   Wanted = "looking"
)

// New returns an Error for r with a message made as by fmt.Sprintf. Where trying again is
// worth it, the Error says after what time.
func New(r Reason, format string, args ...any) *Error {
	a := r.Answer()
	return &Error{Reason: r, Message: fmt.Sprintf(format, args...), code: a.Code, retryAfter: a.Retry}
}

// Because returns a copy of e that has cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// After returns a copy of e that says after what time to try again.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.retryAfter = d
	return &c
}

// On returns a copy of e that names the field of the request that is at fault, as the
// .proto does: `info_hashes[2]`.
func (e *Error) On(field string) *Error {
	c := *e
	c.field = field
	return &c
}

// At returns a copy of e that has the offset of the byte in the torrent where the rule is
// broken.
func (e *Error) At(offset int64) *Error {
	c := *e
	c.offset = strconv.FormatInt(offset, 10)
	return &c
}

// Upstreams returns a copy of e that says in a word what is known of the torrent at the other
// caches that the server asks.
func (e *Error) Upstreams(state string) *Error {
	c := *e
	c.upstreams = state
	return &c
}

// Looked returns a copy of e that says whether the torrent is looked for among peers.
func (e *Error) Looked(w Wanted) *Error {
	c := *e
	c.wanted = w
	return &c
}

// Wanted returns whether the torrent is looked for among peers.
func (e *Error) Wanted() Wanted { return e.wanted }

// Lasting reports whether e is the word of a server that there is no such torrent, and may be
// kept for a while. One that says to try again does so since other caches may have it still.
// What a proxy says, without a reason of ours, does not last either.
func (e *Error) Lasting() bool {
	return e.Reason == TorrentNotFound && e.cause == nil && e.retryAfter == 0
}

// Reworded returns a copy of e with what reword makes of its message and of its field.
func (e *Error) Reworded(reword func(string) string) *Error {
	c := *e
	c.Message, c.field = reword(e.Message), reword(e.field)
	return &c
}

// RetryAfter returns after what time to try again; 0 if that is not known.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// OnRead returns a copy of e with the gRPC code of a call that only reads: a
// removed torrent refuses an upload, but a reader does not find it.
func (e *Error) OnRead() *Error {
	c := *e
	c.code = e.Reason.Answer().ReadCode
	return &c
}

// Error returns reason and message.
func (e *Error) Error() string { return string(e.Reason) + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus returns the status that e is on the wire; grpc calls it.
func (e *Error) GRPCStatus() *status.Status {
	s := status.New(e.code, e.Message)
	info := &errdetails.ErrorInfo{Reason: string(e.Reason), Domain: Domain, Metadata: e.metadata()}
	details := []protoadapt.MessageV1{info}
	if e.retryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.retryAfter)})
	}
	if e.field != "" {
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: e.field, Description: strings.ToValidUTF8(e.Message, "\uFFFD"), Reason: string(e.Reason)},
		}})
	}
	if detailed, err := s.WithDetails(details...); err == nil {
		return detailed
	}
	return s
}

// metadata returns what an ErrorInfo says besides the reason, nil if that is nothing.
func (e *Error) metadata() map[string]string {
	m := map[string]string{offsetKey: e.offset, upstreamsKey: e.upstreams, wantedKey: string(e.wanted)}
	maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
	if len(m) == 0 {
		return nil
	}
	return m
}

// Of returns what err means: an [Error] in its chain as it is, a gRPC status by
// its ErrorInfo, a status without one (grpc's own, or a proxy's) by its code, a
// context's end as [Overloaded], anything else as [Internal] with err as its
// cause. Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return New(Overloaded, "the call ended before its answer was ready").Because(err)
	}
	if s, ok := status.FromError(err); ok {
		return ofStatus(s)
	}
	return New(Internal, "internal error").Because(err)
}

func ofStatus(s *status.Status) *Error {
	ours := &Error{Message: s.Message(), code: s.Code()}
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() == Domain {
				ours.Reason, ours.offset, ours.upstreams = Reason(d.GetReason()), d.GetMetadata()[offsetKey], d.GetMetadata()[upstreamsKey]
				ours.wanted = Wanted(d.GetMetadata()[wantedKey])
			}
		case *errdetails.RetryInfo:
			ours.retryAfter = max(0, d.GetRetryDelay().AsDuration())
		case *errdetails.BadRequest:
			for _, violation := range d.GetFieldViolations() {
				ours.field = violation.GetField()
			}
		}
	}
	if ours.Reason != "" {
		return ours
	}
	r := byCode(s.Code())
	if r == RequestInvalid {
		return &Error{Reason: r, Message: s.Message(), code: s.Code()} // about what the caller sent
	}
	// A message made on the way may name addresses of the inside.
	return &Error{Reason: r, Message: r.Answer().Text, code: s.Code(), cause: s.Err(), retryAfter: cmp.Or(ours.retryAfter, r.Answer().Retry)}
}

// byCode is for statuses that no torrentcache server made.
func byCode(c codes.Code) Reason {
	switch c {
	case codes.InvalidArgument, codes.OutOfRange:
		return RequestInvalid
	case codes.NotFound:
		return TorrentNotFound
	case codes.ResourceExhausted: // grpc's refusal of a message over the receive limit
		return TorrentTooLarge
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted:
		return Overloaded
	case codes.Unauthenticated:
		return Unauthenticated
	case codes.PermissionDenied:
		return PermissionDenied
	case codes.Unimplemented:
		return Unimplemented
	case codes.DataLoss:
		return TorrentDamaged
	default:
		return Internal
	}
}
