package adminhttp

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A listener that others can reach, while no key tells the operator from them, tells how the
// server is and nothing else.
func TestAClosedListener(t *testing.T) {
	ok := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }
	h := New(Options{
		Ready: ok, Metrics: http.HandlerFunc(ok), API: http.HandlerFunc(ok), Closed: "give --keys-file",
		Logger: slog.New(slog.DiscardHandler),
	})
	for path, want := range map[string]int{
		"/metrics": 200, "/livez": 200, "/readyz": 200,
		"/": 403, "/v1/admin/stats": 403, "/v1/admin/torrents:remove": 403, "/debug/pprof/": 403, "/debug/pprof/heap": 403, "/metrics/": 403, "/x": 403,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(method, "http://127.0.0.1:9091"+path, nil)
			h.ServeHTTP(w, r)
			if w.Code != want || want == 403 && !strings.Contains(strings.ToLower(w.Body.String()), "give --keys-file") {
				t.Errorf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, want)
			}
		}
	}
}
