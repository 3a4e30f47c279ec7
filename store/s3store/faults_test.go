package s3store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// faults is a transport in which requests fail as they do in a network: before
// they arrive, after, long after the client has given up, or with an answer that
// is an error or cut short.
type faults struct {
	mu      sync.Mutex
	random  *rand.Rand
	percent int // of requests that fail; 0 for none
	late    sync.WaitGroup
	counts  map[string]int
}

var errNetwork = errors.New("connection reset by the test")

// RoundTrip implements [http.RoundTripper].
func (f *faults) RoundTrip(req *http.Request) (*http.Response, error) {
	switch f.choose(req.Method) {
	case "lost":
		return nil, errNetwork
	case "no answer":
		if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
			resp.Body.Close()
		}
		return nil, errNetwork
	case "late":
		f.sendLate(req)
		return nil, errNetwork
	case "500":
		return xmlAnswer(req, http.StatusInternalServerError, "InternalError"), nil
	case "503":
		return xmlAnswer(req, http.StatusServiceUnavailable, "SlowDown"), nil
	case "412":
		return xmlAnswer(req, http.StatusPreconditionFailed, "PreconditionFailed"), nil
	case "cut":
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err == nil && resp.ContentLength > 1 {
			resp.Body = cutBody{io.LimitReader(resp.Body, resp.ContentLength/2), resp.Body}
		}
		return resp, err
	case "slow":
		time.Sleep(5 * time.Millisecond)
	}
	return http.DefaultTransport.RoundTrip(req)
}

// choose returns the fault that a request meets; "" is none.
func (f *faults) choose(method string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.random.IntN(100) >= f.percent {
		return ""
	}
	kinds := []string{"lost", "no answer", "500", "503", "slow", "cut"}
	if method == http.MethodPut {
		kinds = []string{"lost", "no answer", "late", "500", "503", "412", "slow"}
	}
	kind := kinds[f.random.IntN(len(kinds))]
	f.counts[kind]++
	return kind
}

// sendLate lets the request arrive after its sender has got an error.
func (f *faults) sendLate(req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	again := req.Clone(context.WithoutCancel(req.Context()))
	again.Body = io.NopCloser(bytes.NewReader(body))
	pause := time.Duration(f.pick(150)) * time.Millisecond
	f.late.Go(func() {
		time.Sleep(pause)
		if resp, err := http.DefaultTransport.RoundTrip(again); err == nil {
			resp.Body.Close()
		}
	})
}

func (f *faults) pick(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.random.IntN(n)
}

// set changes how many requests fail; 0 also waits for those that are late.
func (f *faults) set(percent int) {
	f.mu.Lock()
	f.percent = percent
	f.mu.Unlock()
	if percent == 0 {
		f.late.Wait()
	}
}

func xmlAnswer(req *http.Request, status int, code string) *http.Response {
	body := "<Error><Code>" + code + "</Code><Message>of the test</Message></Error>"
	return &http.Response{StatusCode: status, Status: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: req}
}

// cutBody ends too early, as a body does whose connection broke.
type cutBody struct {
	part  io.Reader
	whole io.Closer
}

// Read implements [io.Reader].
func (c cutBody) Read(b []byte) (int, error) {
	n, err := c.part.Read(b)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close implements [io.Closer].
func (c cutBody) Close() error { return c.whole.Close() }

func newFaults(t *testing.T) *faults {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return &faults{random: rand.New(rand.NewPCG(seed, 1)), counts: map[string]int{}}
}
