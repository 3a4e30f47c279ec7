package httpx_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// A call tells the client's address that was found out, never the address in a header.
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

// A read ends when its client has left, an upload does not.
func TestReadsEndWithTheirClient(t *testing.T) {
	for _, major := range []int{1, 2} {
		gone, leave := context.WithCancel(t.Context())
		r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(gone)
		r.ProtoMajor = major
		read, cancel := httpx.ReadContext(r)
		defer cancel()
		upload, cancel := httpx.CallContext(r)
		defer cancel()
		if read.Err() != nil {
			t.Fatalf("HTTP/%d: %v before the client left", major, read.Err())
		}
		leave()
		select {
		case <-read.Done():
		case <-time.After(30 * time.Second): // the call's own time is longer
			t.Fatalf("HTTP/%d: the read goes on", major)
		}
		if !errors.Is(read.Err(), context.Canceled) || upload.Err() != nil {
			t.Errorf("HTTP/%d: the read ends with %v, an upload with %v", major, read.Err(), upload.Err())
		}
	}
}

// Credentials that are no metadata are no key either. They are not left out, or the
// call would be an anonymous one.
func TestCredentialsThatAreNoMetadata(t *testing.T) {
	for _, text := range []string{"Bearer é", "Bearer \x7f", "Bearer a\tb"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", text)
		ctx, cancel := httpx.CallContext(r)
		defer cancel()
		md, _ := metadata.FromOutgoingContext(ctx)
		if got := md.Get("authorization"); len(got) != 1 || got[0] != "not-ascii" {
			t.Errorf("%q: %q", text, got)
		}
	}
}
