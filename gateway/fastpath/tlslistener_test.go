package fastpath_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
)

// dialPlain connects to r without TLS.
func (r *running) dialPlain(t *testing.T) *client {
	t.Helper()
	plain := *r
	plain.client = nil
	return plain.dial(t)
}

// lines is a log whose lines can be waited for.
type lines chan string

// Write implements [io.Writer].
func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func (l lines) log() *log.Logger { return log.New(l, "", 0) }

// want fails the test unless the next line has text.
func (l lines) want(t *testing.T, text string) {
	t.Helper()
	select {
	case line := <-l:
		if !strings.Contains(line, text) {
			t.Errorf("the log says %q, want %q", line, text)
		}
	case <-time.After(patience):
		t.Errorf("the log does not say %q", text)
	}
}

// A client that does not finish its handshake holds up no others, and the server does not wait for
// it.
func TestHandshakeThatStops(t *testing.T) {
	said := make(lines, 10)
	r := startTLS(t, &http.Server{ReadHeaderTimeout: brief, ErrorLog: said.log()}, ready)
	silent, half := r.dialPlain(t), r.dialPlain(t)
	half.send("\x16\x03\x01\x02\x00\x01")
	for range 10 {
		c := r.dial(t)
		c.send(get)
		c.wantAnswer(small)
	}
	silent.wantEnd()
	half.wantEnd()
	said.want(t, "TLS handshake error")
	said.want(t, "i/o timeout")
}

func TestPlainHTTPToTLS(t *testing.T) {
	said := make(lines, 10)
	r := startTLS(t, &http.Server{ErrorLog: said.log()}, ready)
	c := r.dialPlain(t)
	c.send(get)
	if status, body := c.answer(); status != http.StatusBadRequest || !strings.Contains(string(body), "Client sent an HTTP request to an HTTPS server") {
		t.Errorf("%d %q", status, body)
	}
	said.want(t, "client sent an HTTP request to an HTTPS server")
}

func TestShutdownDuringAHandshake(t *testing.T) {
	r := startTLS(t, &http.Server{}, ready)
	pending := r.dialPlain(t)
	c := r.dial(t) // after it
	c.send(get)
	c.wantAnswer(small)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	pending.wantEnd()
	c.wantEnd()
}

// A callback of the configuration that panics costs one connection.
func TestPanicInAHandshake(t *testing.T) {
	said := make(lines, 10)
	srv := &http.Server{ErrorLog: said.log()}
	r := &running{Server: srv, fast: of(ready)}
	srv.TLSConfig, r.client = secured(t, "http/1.1")
	calls := 0
	srv.TLSConfig.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if calls++; calls == 1 {
			panic("as a test")
		}
		return nil, nil
	}
	r.listener = fastpath.NewTLS(listen(t), srv, r.fast)
	r.serve(t)
	c := r.dial(t)
	if _, err := io.WriteString(c.Conn, get); err == nil {
		t.Error("the handshake went well")
	}
	said.want(t, "as a test")
	c = r.dial(t)
	c.send(get)
	c.wantAnswer(small)
}

// Handlers learn as much of the connection as without the fast path, by either protocol. That
// includes the certificate of the client.
func TestRequestsKnowTheirTLS(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			forServer, forClient := secured(t, protocol)
			forServer.ClientAuth, forServer.ClientCAs = tls.VerifyClientCertIfGiven, forClient.RootCAs
			forClient.Certificates = []tls.Certificate{certificates.by.Issue(t, "a client").Pair(t)}
			srv := &http.Server{TLSConfig: forServer, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, "%s %s %s", r.Proto, r.TLS.NegotiatedProtocol, r.TLS.VerifiedChains[0][0].Subject.CommonName)
			})}
			fast := of(ready)
			r := &running{Server: srv, client: forClient, fast: fast, listener: fastpath.NewTLS(listen(t), srv, fast)}
			r.serve(t)
			transport := &http.Transport{TLSClientConfig: forClient, ForceAttemptHTTP2: protocol == "h2"}
			defer transport.CloseIdleConnections()
			const plain = 2 // plain downloads before and after
			for i, path := range []string{smallPath, "/other", smallPath} {
				resp, err := transport.RoundTrip(newRequest(t, http.MethodGet, "https://"+r.listener.Addr().String()+path))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				want := string(contents[small])
				if path == "/other" || protocol == "h2" {
					want = map[string]string{"h2": "HTTP/2.0", "http/1.1": "HTTP/1.1"}[protocol] + " " + protocol + " a client"
				}
				if err != nil || string(body) != want {
					t.Errorf("request %d: %q, %v; want %q", i, body, err, want)
				}
			}
			if protocol != "h2" {
				r.wantFound(t, plain)
			}
		})
	}
}

func newRequest(t *testing.T, method, url string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "example.org"
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// By HTTP/2 the handler of the fast path gives the same answers as the one behind it.
func TestHandlerByHTTP2(t *testing.T) {
	_, forClient := secured(t, "h2")
	transport := &http.Transport{TLSClientConfig: forClient, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	fast := of(ready)
	var servers [2]*running
	for i, answers := range []http.Handler{http.HandlerFunc(handler), fastpath.NewHandler(http.HandlerFunc(handler), fast)} {
		servers[i] = startTLS(t, &http.Server{Handler: answers}, source{})
	}
	want := int64(0)
	for _, path := range []string{smallPath, largePath, modernPath, absentPath, slowPath, "/other", smallPath + "?title=x", "/torrent/x"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			for _, header := range []string{"User-Agent: x", "Range: bytes=0-3", `If-None-Match: "0123456789abcdef"`, "Authorization: Bearer x", "TE: trailers"} {
				said := [2]string{}
				for i, r := range servers {
					said[i] = exchange(t, transport, newRequest(t, method, "https://"+r.listener.Addr().String()+path, header))
				}
				if said[0] != said[1] {
					t.Fatalf("%s %s with %s:\nthe fast path's handler said %.400q\nthe one behind it says      %.400q", method, path, header, said[1], said[0])
				}
				plain := path == smallPath || path == largePath || path == modernPath || path == absentPath
				if plain && method != http.MethodPost && (header == "User-Agent: x" || header == "TE: trailers") {
					want++
				}
			}
		}
	}
	if got := fast.Stats(); got.Found+got.Absent != want {
		t.Errorf("%d and %d were answered on the fast path, want %d", got.Found, got.Absent, want)
	}
}

// exchange returns all that is answered to r, the date aside.
func exchange(t *testing.T, transport *http.Transport, r *http.Request) string {
	t.Helper()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.ProtoMajor != 2 {
		t.Fatalf("%s: %v", resp.Proto, err)
	}
	resp.Header.Del("Date")
	var b bytes.Buffer
	fmt.Fprintln(&b, resp.Status, resp.ContentLength)
	_ = resp.Header.Write(&b)
	return b.String() + string(body)
}

// A client that leaves in the middle of an answer, by HTTP/2, does not harm the next answer.
func TestClientsThatLeaveByHTTP2(t *testing.T) {
	_, forClient := secured(t, "h2")
	transport := &http.Transport{TLSClientConfig: forClient, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	fast := fastpath.NewHandler(http.HandlerFunc(handler), of(hugeAnswers(nil)))
	r := startTLS(t, &http.Server{Handler: fast}, source{})
	for range 20 {
		resp, err := transport.RoundTrip(newRequest(t, http.MethodGet, "https://"+r.listener.Addr().String()+smallPath))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, resp.Body, 1<<20); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close() // resets the stream
	}
	resp, err := transport.RoundTrip(newRequest(t, http.MethodGet, "https://"+r.listener.Addr().String()+smallPath))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || len(body) != hugeSize || bytes.Count(body, []byte("x")) != hugeSize {
		t.Errorf("%d bytes, %v", len(body), err)
	}
}

// The server, not the fast path, ends connections of a protocol that it does not serve.
func TestAnotherProtocol(t *testing.T) {
	srv := &http.Server{}
	r := &running{Server: srv, fast: of(ready)}
	srv.TLSConfig, r.client = secured(t, "acme-tls/1")
	srv.TLSConfig.NextProtos = append(srv.TLSConfig.NextProtos, "acme-tls/1")
	r.listener = fastpath.NewTLS(listen(t), srv, r.fast)
	r.serve(t)
	c := r.dial(t)
	if err := c.Conn.(*tls.Conn).Handshake(); err != nil {
		t.Fatal(err)
	}
	c.wantEnd()
	if got := r.fast.Stats(); got != (fastpath.Stats{}) {
		t.Errorf("%+v was answered", got)
	}
}
