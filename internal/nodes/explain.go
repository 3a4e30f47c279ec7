package nodes

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// plain are what grpc's messages about a connection mean, each told by a part of it.
var plain = []struct{ part, means string }{
	{"does not look like a TLS handshake", "the server there speaks no TLS"},
	{"HTTP/1.1 header", notGRPC},
	{"server preface: http2", notGRPC},
	{"unexpected HTTP status", notGRPC},
	{"server preface: EOF", closedAtOnce},
	{"server preface: read", closedAtOnce},
	{"server preface: connection reset", closedAtOnce},
}

const (
	notGRPC      = "the server there speaks no gRPC"
	closedAtOnce = "the server there ends the connection at once, as a server with TLS does to a client without"
)

// Explain returns what the failure of a call by a [Conn] means for the operator, who chose the
// addresses: why no node could be reached, or what the one that was said. Unlike answers to
// clients it names addresses.
func Explain(err error) string {
	s, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	switch s.Code() {
	case codes.DeadlineExceeded:
		return "no answer in time"
	case codes.Unimplemented:
		return "the server there is no torrentcache server"
	case codes.Unavailable:
		return explainConnection(s.Message())
	}
	return s.Message()
}

// explainConnection returns what grpc's message about a connection that could not be made means.
func explainConnection(message string) string {
	for _, p := range plain {
		if strings.Contains(message, p.part) {
			return p.means
		}
	}
	return Cause(message)
}

// Cause returns what matters of grpc's message about a connection that could not be made; any other
// message as it is.
func Cause(message string) string {
	for _, begin := range []string{"dial ", "authentication handshake failed: "} {
		if at := strings.LastIndex(message, begin); at >= 0 {
			return strings.TrimSuffix(message[at:], `"`)
		}
	}
	return message
}
