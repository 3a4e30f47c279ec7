package client

import (
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// explained is reason.Of for users of the client: if no server answered, its message is the cause,
// such as a refused connection. explained(nil) is nil.
func explained(err error) *reason.Error {
	e := reason.Of(err)
	if e == nil || e.Unwrap() == nil {
		return e
	}
	if s, ok := status.FromError(e.Unwrap()); ok {
		e.Message = reason.ConnectionCause(s.Message())
		if strings.HasPrefix(e.Message, "dial ") {
			e.Message = "no server answers: " + e.Message
		}
	}
	return e
}

// Untrusted reports whether an error of a method of [Client] says that the server's certificate
// could not be verified. Repeating the call does not help then, although [Reason] is OVERLOADED:
// either the certificate or the roots in [Options].TLS must change.
func Untrusted(err error) bool {
	e, ok := errors.AsType[*reason.Error](err)
	if !ok || e.Unwrap() == nil {
		return false
	}
	s, ok := status.FromError(e.Unwrap())
	return ok && s.Code() == codes.Unavailable && strings.Contains(s.Message(), reason.Unverified)
}

// Reason returns the stable reason of an error of a method of [Client], such as TORRENT_NOT_FOUND.
// It is the ErrorInfo reason of the API's contract; for other failures, the one that comes nearest
// (OVERLOADED for a server that cannot be reached). Reason(nil) is empty.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	return string(reason.Of(err).Reason)
}
