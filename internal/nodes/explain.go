package nodes

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// Explain describes the failure of a call by a [Conn] to the operator: why no node could be
// reached, or the message of the node that was reached. It names addresses, unlike answers to
// clients, because the operator chose them.
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
