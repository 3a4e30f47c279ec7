// Package httpx has the code that the HTTP doors share: it reads a body within its limit, writes
// an error, calls the service on behalf of a request, and mends the requests of old clients.
//
// It knows about HTTP and reasons, and nothing about torrents. Everything in it is safe
// for concurrent use unless its comment says otherwise.
package httpx

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// retrySeconds is the Retry-After of 429 and 503 where nothing better is known.
const retrySeconds = 10

const retryAfter = "Retry-After"

// SetErrorHeaders sets the headers of an answer with an error status: Retry-After on 429 and
// 503 (RFC 9110, section 10.2.3; in seconds) unless it is there already, WWW-Authenticate on
// 401 (section 11.6.1), and Cache-Control: no-store on every status, because an upload may mend
// the cause at any time.
func SetErrorHeaders(h http.Header, status int) {
	h.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if h.Get(retryAfter) == "" {
			h.Set(retryAfter, strconv.Itoa(retrySeconds))
		}
	case http.StatusUnauthorized:
		h["Www-Authenticate"] = []string{`Basic realm="torrentcache", charset="UTF-8"`, `Bearer realm="torrentcache"`}
	}
}

// SetRetryAfter sets Retry-After to the time in e, in whole seconds, if e has one.
func SetRetryAfter(h http.Header, e *reason.Error) {
	if after := e.RetryAfter(); after > 0 {
		h.Set(retryAfter, strconv.FormatInt(int64((after+time.Second-1)/time.Second), 10))
	}
}

// WriteJSONError answers with e's status on the JSON routes and the same
// google.rpc.Status, as JSON, that a gRPC client gets: code, message, and an
// ErrorInfo among the details.
func WriteJSONError(w http.ResponseWriter, e *reason.Error) {
	outcome.Refused(w, e)
	status := e.Reason.Answer().JSON
	p := e.GRPCStatus().Proto()
	p.Message = strings.ToValidUTF8(p.GetMessage(), "\uFFFD") // or it would be no protobuf string
	body, err := protojson.Marshal(p)
	if err != nil { // details of a kind this program does not know
		body = fmt.Appendf(nil, `{"code":%d,"message":%q}`, codes.Internal, reason.Internal)
	}
	h := w.Header()
	SetRetryAfter(h, e)
	SetErrorHeaders(h, status)
	Write(w, status, "application/json", body)
}

// WriteTextError answers with status and body as text/plain; charset=utf-8.
func WriteTextError(w http.ResponseWriter, status int, body string) {
	SetErrorHeaders(w.Header(), status)
	WriteText(w, status, body)
}

// WriteText is [WriteTextError] without the headers of [SetErrorHeaders].
func WriteText(w http.ResponseWriter, status int, body string) {
	Write(w, status, "text/plain; charset=utf-8", []byte(body))
}

// Write answers with a status and a whole body of a type. It sends a Content-Length, for clients
// that do not know chunks.
func Write(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left needs no answer
}

// LogInternal logs e if it is INTERNAL and was made in this process. One that
// came from the backend has no cause; the backend has logged it.
func LogInternal(ctx context.Context, log *slog.Logger, e *reason.Error) {
	if cause := e.Unwrap(); e.Reason == reason.Internal && cause != nil {
		log.ErrorContext(ctx, "request failed", "error", cause)
	}
}

// SetSecurityHeaders sets the headers that every answer of the HTTP doors
// carries: no guessing of content types, no Referer to other sites.
func SetSecurityHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}
