package peer

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/torrentcache/torrentcache/infohash"
)

func FuzzParseOffer(f *testing.F) {
	f.Add([]byte("d1:md11:ut_metadatai3ee13:metadata_sizei31235ee"))
	f.Add([]byte("d13:metadata_sizei-1ee"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseOffer(b, 1000)
		if err == nil && (got.id == 0 || got.size < 1 || got.size > 1000) {
			t.Errorf("%q: %+v", b, got)
		}
	})
}

func FuzzParseBlock(f *testing.F) {
	f.Add([]byte("d8:msg_typei1e5:piecei0e10:total_sizei34256eexxxxxxxx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := parseBlock(b); err == nil && !bytes.HasSuffix(b, got.content) {
			t.Errorf("%q has the content %q", b, got.content)
		}
	})
}

// For any bytes that a peer sends before it leaves, the exchange ends and holds no memory.
func FuzzFetch(f *testing.F) {
	id := infohash.V1([20]byte{1})
	hello := append(id.AppendTo([]byte("\x13BitTorrent protocol\x00\x00\x00\x00\x00\x10\x00\x00")), make([]byte, 20)...)
	f.Add(append(hello, "\x00\x00\x00\x31\x14\x00d1:md11:ut_metadatai3ee13:metadata_sizei3ee"...))
	f.Fuzz(func(t *testing.T, sent []byte) {
		here, there := net.Pipe()
		go func() {
			buf := make([]byte, 1<<10)
			for {
				if _, err := there.Read(buf); err != nil {
					return
				}
			}
		}()
		go func() {
			_, _ = there.Write(sent)
			there.Close()
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		memory := semaphore.NewWeighted(1000)
		got, free, err := Fetch(ctx, here, id, Options{MaxSize: 1000, Memory: memory})
		if err == nil {
			free()
		}
		if len(got) > 1000 || !memory.TryAcquire(1000) {
			t.Errorf("%d bytes, or memory that is not given back", len(got))
		}
		here.Close()
	})
}
