package httpx_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// A call tells the client's address that was found out, never what a header says.
func TestCallContextTellsTheClientsAddress(t *testing.T) {
	for _, want := range []netip.Addr{netip.MustParseAddr("203.0.113.9"), origin.Unknown} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("X-Forwarded-For", "10.0.0.1")
		r = r.WithContext(origin.NewContext(r.Context(), want))
		ctx, cancel := httpx.CallContext(r)
		defer cancel()
		md, _ := metadata.FromOutgoingContext(ctx)
		if got := md.Get("x-forwarded-for"); !slices.Equal(got, []string{origin.Text(want)}) {
			t.Errorf("the call tells %q, want %q", got, origin.Text(want))
		}
	}
}
