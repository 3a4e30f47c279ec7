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
	field      string // the invalid field of the request; empty if none is
	offset     string // of the byte in the torrent that breaks a rule, as a number; empty if none does
	upstreams  string // state of the torrent at other caches; empty if there are none
	wanted     Wanted // whether the torrent is looked for among peers
}

// Keys of these fields in the metadata of an ErrorInfo.
const (
	offsetKey    = "byte_offset"
	upstreamsKey = "upstreams"
	wantedKey    = "wanted"
)

// Wanted says whether peers are searched for a missing torrent. Empty means that they are not
// and cannot be.
type Wanted string

// The values.
const (
	NotWanted Wanted = "no" // not searched for, but it can be
	Looking   Wanted = "looking"
)

// New returns an Error for r with a message formatted as by fmt.Sprintf. If the reason is worth
// a retry, the Error has the time after which to retry.
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

// After returns a copy of e with the time after which to try again.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.retryAfter = d
	return &c
}

// On returns a copy of e that names the invalid field of the request as in the .proto:
// `info_hashes[2]`.
func (e *Error) On(field string) *Error {
	c := *e
	c.field = field
	return &c
}

// At returns a copy of e with the offset of the byte in the torrent that breaks the rule.
func (e *Error) At(offset int64) *Error {
	c := *e
	c.offset = strconv.FormatInt(offset, 10)
	return &c
}

// Upstreams returns a copy of e with the state of the torrent at the other caches that the
// server asks.
func (e *Error) Upstreams(state string) *Error {
	c := *e
	c.upstreams = state
	return &c
}

// Looked returns a copy of e that says whether peers are searched for the torrent.
func (e *Error) Looked(w Wanted) *Error {
	c := *e
	c.wanted = w
	return &c
}

// Wanted returns whether peers are searched for the torrent.
func (e *Error) Wanted() Wanted { return e.wanted }

// Lasting reports whether e is a server's definite answer that the torrent does not exist, which
// may be cached for a while. An answer with a time to try again is not, because other caches may
// still have the torrent. Nor is a proxy's answer without a reason of ours.
func (e *Error) Lasting() bool {
	return e.Reason == TorrentNotFound && e.cause == nil && e.retryAfter == 0
}

// Reworded returns a copy of e with reword applied to its message and field.
func (e *Error) Reworded(reword func(string) string) *Error {
	c := *e
	c.Message, c.field = reword(e.Message), reword(e.field)
	return &c
}

// RetryAfter returns the time after which to try again; 0 if unknown.
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

// GRPCStatus returns e as a gRPC status; grpc calls it.
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

// metadata returns the metadata of the ErrorInfo; nil if there is none.
func (e *Error) metadata() map[string]string {
	m := map[string]string{offsetKey: e.offset, upstreamsKey: e.upstreams, wantedKey: string(e.wanted)}
	maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
	if len(m) == 0 {
		return nil
	}
	return m
}

// Unexpected returns an error that hides cause from the caller; only the log gets it.
func Unexpected(cause error) *Error {
	return New(Internal, "internal error; the server's log has the cause").Because(cause)
}

// Of converts err to an [Error]. An [Error] in its chain is returned as it is. A gRPC status is
// converted by its ErrorInfo, or, without one (from grpc itself or a proxy), by its code. The
// end of a context is [Overloaded], and anything else is [Internal] with err as its cause.
// Of(nil) is nil.
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
		return &Error{Reason: r, Message: s.Message(), code: s.Code()} // the caller's input is at fault
	}
	// A message from grpc or a proxy may name internal addresses.
	return &Error{Reason: r, Message: r.Answer().Text, code: s.Code(), cause: s.Err(), retryAfter: cmp.Or(ours.retryAfter, r.Answer().Retry)}
}

// byCode returns the reason of a status that no torrentcache server made.
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
