//go:build e2e

package histories

import (
	"bytes"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// wire is a faulty connection to an object store in memory. It delays, drops or repeats a
// percentage of the requests, or cuts their answers.
type wire struct {
	engine http.Handler
	server *httptest.Server
	late   sync.WaitGroup // requests that arrive after their sender gave up

	mu      sync.Mutex
	random  *rand.Rand
	percent int
	counts  map[string]int
}

const bucket = "torrents"

// startWire returns a wire to an empty bucket until the test ends. It has no faults yet.
func startWire(t *testing.T, seed uint64) *wire {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	w := &wire{
		engine: gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server(),
		random: rand.New(rand.NewPCG(seed, 1)), counts: map[string]int{},
	}
	w.server = httptest.NewServer(w)
	t.Cleanup(func() {
		w.server.Close()
		w.late.Wait()
		t.Logf("faults on the wire: %v", w.counts)
	})
	return w
}

// location returns the value of --store for a prefix of the bucket.
func (w *wire) location(prefix string) string {
	return "s3://" + bucket + "/" + prefix + "?endpoint=" + w.server.URL
}

// set sets the percentage of requests that meet a fault.
func (w *wire) set(percent int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.percent = percent
}

// choose returns the fault of a request, "" for none, and the length of a delay.
func (w *wire) choose() (fault string, delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.random.IntN(100) >= w.percent {
		return "", 0
	}
	fault = []string{"delayed", "dropped", "dropped afterwards", "late", "repeated", "cut"}[w.random.IntN(6)]
	w.counts[fault]++
	return fault, time.Duration(w.random.Int64N(int64(400 * time.Millisecond)))
}

// ServeHTTP implements [http.Handler].
func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender left
	}
	fault, delay := w.choose()
	switch fault {
	case "dropped":
		panic(http.ErrAbortHandler)
	case "dropped afterwards":
		w.ask(r, body)
		panic(http.ErrAbortHandler)
	case "late":
		w.late.Go(func() {
			time.Sleep(delay)
			w.ask(r, body)
		})
		panic(http.ErrAbortHandler)
	case "delayed":
		time.Sleep(delay)
	case "repeated":
		w.ask(r, body)
	}
	answer := w.ask(r, body)
	maps.Copy(rw.Header(), answer.Header())
	text := answer.Body.Bytes()
	rw.WriteHeader(answer.Code)
	if fault == "cut" && len(text) > 1 {
		_, _ = rw.Write(text[:len(text)/2])
		panic(http.ErrAbortHandler)
	}
	_, _ = rw.Write(text)
}

// ask passes a request to the engine, whether or not its sender is still waiting.
func (w *wire) ask(r *http.Request, body []byte) *httptest.ResponseRecorder {
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	w.engine.ServeHTTP(answer, again)
	return answer
}

// setCredentials sets the keys of nodes, which the engine does not check.
func setCredentials(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testsecret"} {
		t.Setenv(name, value)
	}
}
