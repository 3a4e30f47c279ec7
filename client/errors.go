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
		e.Message = connectionCause(s.Message())
	}
	return e
}

// connectionCause returns the useful part of grpc's message about a failed connection. It returns
// any other message as it is.
func connectionCause(message string) string {
	if strings.Contains(message, "HTTP/1.1 header") {
		return "the server there speaks no gRPC: want the address of a server's --grpc-addr"
	}
	if strings.Contains(message, "error reading server preface") {
		return "the server ends the connection at once, as a server with TLS does to a client without"
	}
	if strings.Contains(message, "produced zero addresses") {
		return "the name of the server has no address"
	}
	if _, why, ok := strings.Cut(message, unverified); ok {
		return "the server's certificate cannot be trusted: " + strings.TrimSuffix(why, `"`)
	}
	if _, why, ok := strings.Cut(message, "authentication handshake failed: "); ok {
		return "no TLS with the server: " + strings.TrimSuffix(why, `"`)
	}
	if at := strings.LastIndex(message, "dial "); at >= 0 {
		return "no server answers: " + strings.TrimSuffix(message[at:], `"`)
	}
	return message
}

// unverified is part of the message of a [tls.CertificateVerificationError]. grpc passes on only
// the message.
const unverified = "tls: failed to verify certificate: "

// Untrusted reports whether an error of a method of [Client] says that the server's certificate
// could not be verified. Repeating the call does not help then, although [Reason] is OVERLOADED:
// either the certificate or the roots in [Options].TLS must change.
func Untrusted(err error) bool {
	e, ok := errors.AsType[*reason.Error](err)
	if !ok || e.Unwrap() == nil {
		return false
	}
	s, ok := status.FromError(e.Unwrap())
	return ok && s.Code() == codes.Unavailable && strings.Contains(s.Message(), unverified)
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
