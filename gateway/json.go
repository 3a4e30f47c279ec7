package gateway

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// newJSONMux returns a generated-route mux with this door's error bodies, JSON
// and statuses. Only serveJSON may call it.
func newJSONMux(log *slog.Logger) *runtime.ServeMux {
	hideMetadata := func(string) (string, bool) { return "", false }
	return runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, jsonMarshaler{}),
		runtime.WithErrorHandler(func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
			e := reason.Of(err)
			httpx.LogInternal(ctx, log, e)
			httpx.WriteJSONError(w, inJSON(e))
		}),
		runtime.WithRoutingErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, _ int) {
			httpx.WriteJSONError(w, routeNotFound())
		}),
		runtime.WithMetadata(func(ctx context.Context, _ *http.Request) metadata.MD {
			md, _ := metadata.FromOutgoingContext(ctx) // the mux replaces it otherwise
			return md
		}),
		runtime.WithIncomingHeaderMatcher(hideMetadata),
		runtime.WithOutgoingHeaderMatcher(hideMetadata),
		runtime.WithOutgoingTrailerMatcher(hideMetadata),
		runtime.WithForwardResponseOption(setStatus),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithWriteContentLength(),
	)
}

// setStatus runs before the body of an answer without an error. If the client of a read has left,
// it stops the answer from being encoded.
func setStatus(ctx context.Context, w http.ResponseWriter, answer proto.Message) error {
	w.Header().Set("Cache-Control", "no-store")
	if cached, ok := answer.(*torrentcachev1.CacheTorrentResponse); ok {
		w.WriteHeader(uploadStatus(w, cached))
		return nil
	}
	return ctx.Err()
}

// serveJSON makes mux answer r, a request that only reads, as a request for path with a body of at
// most limit bytes.
func serveJSON(mux *runtime.ServeMux, w http.ResponseWriter, r *http.Request, path string, limit int64) {
	body, failed := httpx.ReadBody(w, r, limit)
	if failed == nil {
		body, failed = inflateJSON(r.Context(), body, limit)
	}
	if failed != nil {
		httpx.WriteJSONError(w, failed)
		return
	}
	ctx, cancel := httpx.ReadContext(r)
	defer cancel()
	serveJSONBody(ctx, mux, w, r, path, body)
}

// serveJSONBody makes mux answer r as a request for path with this body, by a call with the
// context ctx. Only the credentials among r's headers reach mux, and they do so in ctx: no client
// can set gRPC metadata (Grpc-Metadata-*), a timeout or a forwarded address.
func serveJSONBody(ctx context.Context, mux *runtime.ServeMux, w http.ResponseWriter, r *http.Request, path string, body []byte) {
	inner := r.Clone(ctx)
	inner.URL.Path, inner.URL.RawPath = path, ""
	inner.Header = http.Header{}
	if inner.Method == http.MethodHead {
		inner.Method = http.MethodGet // net/http leaves the body out
	}
	inner.Body = heldBody{bytes.NewBuffer(body), w.Header()}
	mux.ServeHTTP(w, inner)
}

// heldBody is a request body that is wholly in memory.
type heldBody struct {
	*bytes.Buffer
	answer http.Header // of the answer: for warnings
}

// Close implements [io.Closer].
func (heldBody) Close() error { return nil }
