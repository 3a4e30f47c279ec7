package accesslog

import (
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/torrentcache/torrentcache/internal/outcome"
)

// Record is one request that was answered.
type Record struct {
	Begin    time.Time
	Duration time.Duration
	Door     string
	Method   string          // of HTTP, or RPC
	Path     string          // the pattern of an HTTP path, or the full name of a method of gRPC
	Outcome  outcome.Outcome // which torrent it was about, and why it was refused
	Status   string          // of HTTP, a number; of gRPC, the name of a code
	Received int64           // bytes of the body, or of the messages
	Sent     int64           // the same
	Key      string          // the name in the keys file, or anonymous; "" if nobody knows
	Addr     netip.Addr      // of the client; invalid if it is not to be logged
}

// methods are those that stand in a line as they are. Others are a client's own text.
var methods = []string{
	"RPC", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch,
}

// none stands for what there is not.
const none = "none"

func (r Record) attrs() []slog.Attr {
	method, hash := r.Method, none
	if !slices.Contains(methods, method) {
		method = "other"
	}
	if id := r.Outcome.InfoHash; !id.IsZero() {
		hash = id.String()
	}
	attrs := []slog.Attr{
		slog.String("door", r.Door), slog.String("method", method), slog.String("path", r.Path), slog.String("info_hash", hash),
		slog.String("status", r.Status), slog.String("reason", orNone(string(r.Outcome.Reason))),
		slog.Int64("received", r.Received), slog.Int64("sent", r.Sent),
		slog.Float64("ms", float64(r.Duration.Microseconds())/1000), slog.String("key", orNone(r.Key)),
	}
	if r.Addr.IsValid() {
		attrs = append(attrs, slog.String("address", r.Addr.Unmap().String()))
	}
	return attrs
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}
