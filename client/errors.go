package client

import (
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// explained is reason.Of for the eyes of who runs the client: of a failure that
// no server answered it keeps what happened, such as a connection refused.
// explained(nil) is nil.
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

// connectionCause returns what matters of grpc's message about a connection that
// could not be made; any other message as it is.
func connectionCause(message string) string {
	if strings.Contains(message, "HTTP/1.1 header") {
		return "what answers there is no gRPC server: want the address of a server's --grpc-addr"
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

// unverified is in the message of a [tls.CertificateVerificationError], of which grpc passes on
// nothing else.
const unverified = "tls: failed to verify certificate: "

// Untrusted reports whether an error that a method of [Client] returned says that the server's
// certificate could not be verified. Calling again is of no use then, although [Reason] is
// OVERLOADED: the certificate has to be another one, or what [Options].TLS trusts.
func Untrusted(err error) bool {
	e, ok := errors.AsType[*reason.Error](err)
	if !ok || e.Unwrap() == nil {
		return false
	}
	s, ok := status.FromError(e.Unwrap())
	return ok && s.Code() == codes.Unavailable && strings.Contains(s.Message(), unverified)
}

// Reason returns the stable reason of an error that a method of [Client]
// returned, such as TORRENT_NOT_FOUND: the ErrorInfo reason of the API's
// contract, or for other failures the one that comes nearest (OVERLOADED for a
// server that cannot be reached). Reason(nil) is empty.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	return string(reason.Of(err).Reason)
}
