package soapcompat_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/soapcompat"
	"google.golang.org/grpc"
)

// BenchmarkSOAP uploads a torrent to the door alone: the backend forgets it. In lines, as
// Perl sends it, and with a comment in it, with which encoding/xml reads all of it.
func BenchmarkSOAP(b *testing.B) {
	lines := regexp.MustCompile(`.{1,76}`)
	for _, size := range []int{20_000, 9_900_000} {
		digits := base64.StdEncoding.EncodeToString(torrenttest.Random(1, size))
		for name, text := range map[string]string{
			"whole": digits, "lines": lines.ReplaceAllString(digits, "$0\n"), "comment": digits[:1000] + "<!-- -->" + digits[1000:],
		} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) { benchmarkSOAP(b, callOf(text)) })
		}
	}
}

// forgetful is a backend that ignores its requests.
type forgetful struct {
	torrentcachev1.CacheServiceClient // no other call is made
}

func (forgetful) CacheTorrent(context.Context, *torrentcachev1.CacheTorrentRequest, ...grpc.CallOption) (*torrentcachev1.CacheTorrentResponse, error) {
	return &torrentcachev1.CacheTorrentResponse{InfoHash: hashV1, InfoHashV1: hashV1}, nil
}

func benchmarkSOAP(b *testing.B, body string) {
	h := newDoor(b, soapcompat.Options{Client: forgetful{}, MaxTorrentSize: 10_000_000}, "")
	mux := front.NewMux(h.Routes()...)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/api/index.php", strings.NewReader(body))
		r.Header.Set("Content-Type", "text/xml")
		if got := do(mux, r); got.status != http.StatusOK || !strings.Contains(got.body, hashV1) {
			b.Fatalf("%d %s", got.status, got.body)
		}
	}
}
