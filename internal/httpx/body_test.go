package httpx_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// fixedReader gives n bytes, then err; it counts the bytes that were read of it.
type fixedReader struct {
	n    int64
	err  error
	read int64
}

func (r *fixedReader) Read(p []byte) (int, error) {
	if r.read == r.n {
		return 0, r.err
	}
	n := min(int64(len(p)), r.n-r.read)
	clear(p[:n])
	r.read += n
	return int(n), nil
}

func bodyRequest(contentLength int64, body io.Reader) *http.Request {
	r := httptest.NewRequest("POST", "/", body)
	r.ContentLength = contentLength
	return r
}

func TestReadBody(t *testing.T) {
	const limit = 300_000
	for _, c := range []struct {
		name     string
		length   int64 // Content-Length, -1 for a chunked body
		body     *fixedReader
		want     reason.Reason // "" for a good body
		mostRead int64
	}{
		{"small", 5, &fixedReader{n: 5, err: io.EOF}, "", 5},
		{"empty", 0, &fixedReader{err: io.EOF}, "", 0},
		{"at the limit", limit, &fixedReader{n: limit, err: io.EOF}, "", limit},
		{"over the limit", limit + 1, &fixedReader{n: limit + 1, err: io.EOF}, reason.TorrentTooLarge, limit + 1},
		{"far over the limit", 1 << 40, &fixedReader{n: 1 << 40, err: io.EOF}, reason.TorrentTooLarge, 0},
		{"chunked", -1, &fixedReader{n: 5, err: io.EOF}, "", 5},
		{"chunked, empty", -1, &fixedReader{err: io.EOF}, "", 0},
		{"chunked, at the limit", -1, &fixedReader{n: limit, err: io.EOF}, "", limit},
		{"chunked, over the limit", -1, &fixedReader{n: limit + 1, err: io.EOF}, reason.TorrentTooLarge, limit + 1},
		{"chunked, without end", -1, &fixedReader{n: 1 << 40, err: io.EOF}, reason.TorrentTooLarge, 64<<20 + limit + 1},
		{"stops half-way", 100, &fixedReader{n: 50, err: io.ErrUnexpectedEOF}, reason.RequestInvalid, 50},
		{"chunked, stops half-way", -1, &fixedReader{n: 50, err: io.ErrUnexpectedEOF}, reason.RequestInvalid, 50},
		{"connection reset", 100, &fixedReader{err: errors.New("reset")}, reason.RequestInvalid, 0},
		{"limited once more outside", 100, &fixedReader{err: &http.MaxBytesError{Limit: 10}}, reason.TorrentTooLarge, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := httpx.ReadBody(httptest.NewRecorder(), bodyRequest(c.length, c.body), limit)
			if c.want == "" {
				if err != nil || int64(len(got)) != c.body.n {
					t.Fatalf("%d bytes, %v", len(got), err)
				}
			} else if err == nil || err.Reason != c.want {
				t.Fatalf("%v, want %s", err, c.want)
			}
			if c.body.read > c.mostRead {
				t.Errorf("read %d bytes, want at most %d", c.body.read, c.mostRead)
			}
		})
	}
}

func TestARefusedBodyIsNotAskedFor(t *testing.T) {
	body := &fixedReader{n: 200, err: io.EOF}
	r := bodyRequest(200, body)
	r.Header.Set("Expect", "100-continue")
	if _, err := httpx.ReadBody(httptest.NewRecorder(), r, 100); err == nil || err.Reason != reason.TorrentTooLarge {
		t.Fatal(err)
	}
	if body.read != 0 {
		t.Errorf("read %d bytes: net/http sends 100 Continue on the first", body.read)
	}
}

// An announced body costs memory as it comes, not as it is announced.
func TestAnnouncedBodiesCostLittle(t *testing.T) {
	const announced, arrived = 50 << 20, 100 << 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := bodyRequest(announced, &fixedReader{n: arrived, err: io.ErrUnexpectedEOF})
	if _, err := httpx.ReadBody(httptest.NewRecorder(), r, announced); err == nil {
		t.Fatal("half a body was taken")
	}
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 16*arrived {
		t.Errorf("%d bytes of memory for %d that arrived", spent, arrived)
	}
}

// A client that writes all before it reads gets its answer.
func TestAClientThatOnlyWritesGetsTheRefusal(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := httpx.ReadBody(w, r, 1000)
		httpx.WriteJSONError(w, err)
	}))
	defer server.Close()
	size := 20 << 20
	request := "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20971520\r\n\r\n"
	got := exchange(t, server.Listener.Addr().String(), request, strings.Repeat("x", size))
	if len(got) != 1 || got[0] != "413 Request Entity Too Large" {
		t.Errorf("got %q", got)
	}
}

func TestReadAll(t *testing.T) {
	for name, c := range map[string]struct {
		body fixedReader
		most int64
	}{
		"as many as may be":   {fixedReader{n: 20_000, err: io.EOF}, 20_000},
		"less":                {fixedReader{n: 20_000, err: io.EOF}, 30_000},
		"nothing":             {fixedReader{err: io.EOF}, 20_000},
		"large":               {fixedReader{n: 1 << 20, err: io.EOF}, 1 << 20},
		"far less":            {fixedReader{n: 20_000, err: io.EOF}, 1 << 40},
		"broken off half-way": {fixedReader{n: 20_000, err: io.ErrUnexpectedEOF}, 40_000},
	} {
		t.Run(name, func(t *testing.T) {
			want := c.body.err
			if want == io.EOF {
				want = nil
			}
			got, err := httpx.ReadAll(&c.body, c.most)
			if int64(len(got)) != c.body.n || !errors.Is(err, want) {
				t.Errorf("%d bytes, %v; want %d, %v", len(got), err, c.body.n, want)
			}
		})
	}
}

func TestATypicalTorrentIsReadIntoOnePieceOfMemory(t *testing.T) {
	allocated := testing.AllocsPerRun(100, func() {
		if _, err := httpx.ReadAll(&fixedReader{n: 20_000, err: io.EOF}, 20_200); err != nil {
			t.Fatal(err)
		}
	})
	if allocated > 2 { // the reader of this test is the other
		t.Errorf("%v allocations", allocated)
	}
}
