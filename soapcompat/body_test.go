package soapcompat_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/internal/limit"
)

func compress(t *testing.T, coding string, data string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip", "x-gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "bare deflate":
		w, _ = flate.NewWriter(&b, flate.DefaultCompression) // the level is a known one
	default:
		t.Fatalf("no such coding: %s", coding)
	}
	if _, err := io.WriteString(w, data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// postCoded posts a body that says it is coded.
func postCoded(h http.Handler, path, contentType, coding, body string) answer {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Content-Encoding", coding)
	return do(h, r)
}

func TestCompressedBodies(t *testing.T) {
	formType, form := formOf("torrent", torrent)
	cases := []struct{ name, header, coding string }{
		{"gzip", "gzip", "gzip"},
		{"x-gzip", "X-GZIP", "x-gzip"},
		{"zlib", "deflate", "zlib"},
		{"bare deflate", "deflate", "bare deflate"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeBackend{}
			h := newHandler(t, f)
			got := postCoded(h, "/api/index.php", "text/xml", c.header, compress(t, c.coding, callOf(encodedTorrent)))
			if sent, _ := f.got(); sent != torrent || result(t, got) != hashV1 {
				t.Errorf("SOAP: the backend got %q; answered %d %s", sent, got.status, got.body)
			}
			got = postCoded(h, "/autoupload.php", formType, c.header, compress(t, c.coding, form))
			if sent, _ := f.got(); sent != torrent || got.body != hashV1+"\n" {
				t.Errorf("form: the backend got %q; answered %d %s", sent, got.status, got.body)
			}
		})
	}
}

func TestBadlyCompressedBodies(t *testing.T) {
	whole := compress(t, "gzip", callOf(encodedTorrent))
	cases := []struct {
		name, coding, body string
		status             int
	}{
		{"empty", "gzip", "", http.StatusInternalServerError},
		{"no gzip", "gzip", callOf(encodedTorrent), http.StatusInternalServerError},
		{"empty deflate", "deflate", "", http.StatusInternalServerError},
		{"damaged before the call", "gzip", whole[:12], http.StatusInternalServerError},
		{"unknown", "br", callOf(encodedTorrent), http.StatusUnsupportedMediaType},
		{"two codings", "gzip, gzip", compress(t, "gzip", whole), http.StatusUnsupportedMediaType},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeBackend{}
			got := postCoded(newHandler(t, f), "/api/index.php", "text/xml", c.coding, c.body)
			faultCode(t, got)
			if _, any := f.got(); any || got.status != c.status {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
}

// A bomb is refused at the limit, whatever size it would inflate to.
func TestBombs(t *testing.T) {
	const size = 30 * maxTorrentSize // many times the size that a call may inflate to; see limit below
	zeros := strings.Repeat("\n", size)
	bombs := map[string]string{
		"in the part":       callOf(zeros),
		"before the call":   strings.Replace(callOf(encodedTorrent), "<s:Body>", zeros+"<s:Body>", 1),
		"after the call":    callOf(encodedTorrent) + zeros,
		"before everything": zeros,
	}
	for name, document := range bombs {
		t.Run(name, func(t *testing.T) {
			body := compress(t, "gzip", document)
			f := &fakeBackend{}
			h := newHandler(t, f)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := postCoded(h, "/api/index.php", "text/xml", "gzip", body)
			runtime.ReadMemStats(&after)
			if got.status != http.StatusOK || result(t, got) != "115" {
				t.Errorf("answered %d %s, want 115", got.status, got.body)
			}
			spent := after.TotalAlloc - before.TotalAlloc
			if limit := uint64(20 * maxTorrentSize); spent > limit {
				t.Errorf("%d bytes were allocated, want under %d", spent, limit)
			}
		})
	}
}

// The inflated size of a compressed body is taken from the budget of memory. Without room the body,
// which is known to be a call, is answered as a call.
func TestCompressedBodiesWaitForMemory(t *testing.T) {
	l := limit.New(limit.Settings{Memory: 1 << 19, Wait: time.Millisecond})
	other := l.Reservation(limit.Caller{}, limit.Uploading, nil)
	if err := other.Take(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	h := newLimited(t, &fakeBackend{}, l)
	small, large := callOf(encodedTorrent), callOf(encodedTorrent+strings.Repeat("\n", 100_000))
	for document, want := range map[string]string{small: hashV1, large: "114"} {
		got := postCoded(h, "/api/index.php", "text/xml", "gzip", compress(t, "gzip", document))
		if got.status != http.StatusOK || result(t, got) != want {
			t.Errorf("%d bytes: answered %d %s, want %s", len(document), got.status, got.body, want)
		}
	}
}

// counter counts the bytes that are read from a body without an end.
type counter struct {
	head io.Reader
	read int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.head.Read(p)
	if err == io.EOF {
		n, err = len(p), nil
		for i := range p {
			p[i] = 'A'
		}
	}
	c.read += int64(n)
	return n, err
}

func TestTooLargeByItsLengthIsNotRead(t *testing.T) {
	formType, form := formOf("torrent", torrent)
	cases := []struct{ path, contentType, head, want string }{
		{"/api/index.php", "text/xml", callOf(""), "115"},
		{"/autoupload.php", formType, form, "Error 115: "},
	}
	for _, c := range cases {
		body := &counter{head: strings.NewReader(c.head)}
		r := httptest.NewRequest(http.MethodPost, c.path, body)
		r.ContentLength = 1 << 40
		r.Header.Set("Content-Type", c.contentType)
		got := do(newHandler(t, &fakeBackend{}), r)
		if body.read != 0 || !strings.Contains(got.body, c.want) {
			t.Errorf("%s: %d bytes read; answered %d %s", c.path, body.read, got.status, got.body)
		}
	}
}

func TestTooLargeInTheVersionOfItsType(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/api/index.php", strings.NewReader(""))
	r.ContentLength = 1 << 40
	r.Header.Set("Content-Type", `application/soap+xml; charset=utf-8; action="a"`)
	got := do(newHandler(t, &fakeBackend{}), r)
	if result(t, got) != "115" || !strings.Contains(got.body, soap12) {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}
