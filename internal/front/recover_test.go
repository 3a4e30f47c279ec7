package front_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// quietServer serves h and leaves net/http's own log out of the test's output.
func quietServer(t *testing.T, h http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func TestRecover(t *testing.T) {
	for _, c := range []struct {
		name, path string
		handler    http.HandlerFunc
		status     int // 0 if the connection is cut
		body       string
		logged     int
	}{
		{"no panic", "/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }, 200, "ok", 0},
		{"panic", "/torrent/x", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"x"`)
			w.Header().Set("Content-Length", "1000")
			panic("boom")
		}, 500, "Internal error, try again.\n", 1},
		{"panic on a JSON route", "/json", func(http.ResponseWriter, *http.Request) { panic("boom") },
			500, `"INTERNAL"`, 1},
		{"panic in mid answer", "/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "half")
			panic("boom")
		}, 0, "", 1},
		{"panic after a status", "/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic("boom") }, 0, "", 1},
		{"panic after early hints", "/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); panic("boom") },
			500, "Internal error, try again.\n", 1},
		{"panic after a flush", "/", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); panic("boom") }, 0, "", 1},
		{"panic after a copy", "/", func(w http.ResponseWriter, _ *http.Request) {
			io.Copy(w, struct{ io.Reader }{strings.NewReader("half")})
			panic("boom")
		}, 0, "", 1},
		{"abort", "/", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			server := quietServer(t, front.New(front.Options{
				Routes: []front.Route{
					{Pattern: "/...", Any: c.handler},
					{Pattern: "/json", Any: c.handler, Refuse: front.RefuseJSON},
				},
				Limits: limit.New(limit.Settings{}), Logger: slog.New(slog.NewTextHandler(&log, nil)),
			}))
			got, err := read(server.URL + c.path)
			server.Close() // waits for the handler, and so for its log
			if c.status == 0 {
				if err == nil {
					t.Errorf("a whole answer: %v", got)
				}
			} else if err != nil || got.StatusCode != c.status || !strings.Contains(got.body, c.body) {
				t.Errorf("%v, %v", got, err)
			} else if got.Header.Get("ETag") != "" {
				t.Error("headers of the answer that did not come")
			}
			if n := strings.Count(log.String(), "level=ERROR"); n != c.logged {
				t.Errorf("logged %d times: %s", n, log.String())
			}
			if strings.Contains(got.body, "boom") {
				t.Error("the panic reached the client")
			}
		})
	}
}

type readAnswer struct {
	*http.Response
	body string
}

func read(url string) (readAnswer, error) {
	res, err := http.Get(url)
	if err != nil {
		return readAnswer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return readAnswer{res, string(body)}, err
}

func TestRecoverKeepsTheControllerWorking(t *testing.T) {
	server := quietServer(t, front.Recover(slog.New(slog.DiscardHandler), front.RefuseText, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
	})))
	if got, err := read(server.URL); err != nil || got.StatusCode != 200 {
		t.Errorf("%v, %v", got, err)
	}
}

// Bodies that are copied arrive whole, or as far as their limit.
func TestRecoverPassesCopiesOn(t *testing.T) {
	const text = "0123456789"
	for want, src := range map[string]func() io.Reader{
		text:     func() io.Reader { return io.LimitReader(bytes.NewReader([]byte(text)), int64(len(text))) },
		text[:4]: func() io.Reader { return io.LimitReader(bytes.NewReader([]byte(text)), 4) },
		text[4:]: func() io.Reader {
			r := bytes.NewReader([]byte(text))
			_, _ = r.Seek(4, io.SeekStart)
			return io.LimitReader(r, 100)
		},
		text[:5]: func() io.Reader { return io.LimitReader(strings.NewReader(text), 5) },
		text[5:]: func() io.Reader { return strings.NewReader(text[5:]) },
	} {
		var n int64
		server := quietServer(t, front.Recover(slog.New(slog.DiscardHandler), front.RefuseText, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n, _ = io.Copy(w, src())
		})))
		got, err := read(server.URL)
		server.Close()
		if err != nil || n != int64(len(want)) || got.body != want {
			t.Errorf("%d bytes of %q, %v; want %q", n, got.body, err, want)
		}
	}
}
