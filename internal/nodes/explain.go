package nodes

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/torrentcache/torrentcache/internal/reason"
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
		return reason.ConnectionCause(s.Message())
	}
	return s.Message()
}
