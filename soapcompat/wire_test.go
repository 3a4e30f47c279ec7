package soapcompat_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// These tests speak to a listening server in the ways clients do.

func request(t *testing.T, url, contentType string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	return r
}

func TestChunkedUploads(t *testing.T) {
	f := &fakeBackend{}
	s := newServer(t, f)
	formType, form := formOf("torrent", torrent)
	// A Reader of unknown length is sent in chunks.
	got := send(t, request(t, s.URL+"/api/index.php", "text/xml", io.MultiReader(strings.NewReader(callOf(encodedTorrent)))))
	if sent, _ := f.got(); sent != torrent || result(t, got) != hashV1 {
		t.Errorf("SOAP: %+v", got)
	}
	got = send(t, request(t, s.URL+"/autoupload.php", formType, io.MultiReader(strings.NewReader(form))))
	if got.body != hashV1+"\n" {
		t.Errorf("form: %+v", got)
	}
}

// PHP writes all it has before it reads: the answer must still be there.
func TestTooLargeAnswersReachClientsThatWriteFirst(t *testing.T) {
	s := newServer(t, &fakeBackend{})
	large := strings.Repeat("A", 20_000_000)
	formType, form := formOf("torrent", large)
	cases := []struct{ name, path, contentType, body, want string }{
		{"SOAP", "/api/index.php", "text/xml", callOf(large), ">115<"},
		{"form", "/autoupload.php", formType, form, "Error 115: "},
	}
	for _, c := range cases {
		for _, framing := range []string{"length", "chunked"} {
			t.Run(c.name+" "+framing, func(t *testing.T) {
				head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n", c.path, c.contentType)
				if framing == "length" {
					head += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(c.body), c.body)
				} else {
					head += fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(c.body), c.body)
				}
				got := replay(t, s.Listener.Addr().String(), []byte(head))
				if !strings.Contains(got.body, c.want) {
					t.Errorf("answered %d %s", got.status, got.body)
				}
			})
		}
	}
}

func TestExpectContinue(t *testing.T) {
	s := newServer(t, &fakeBackend{})
	formType, form := formOf("torrent", torrent)
	conn, answers := dial(t, s.Listener.Addr().String())

	fmt.Fprintf(conn, "POST /autoupload.php HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", formType, len(form))
	if line, err := answers.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	_, _ = answers.ReadString('\n') // the empty line after it
	io.WriteString(conn, form)
	if got := nextAnswer(t, answers); got.body != hashV1+"\n" {
		t.Errorf("answered %+v", got)
	}

	// A body that would be refused is not asked for.
	fmt.Fprintf(conn, "POST /api/index.php HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: text/xml\r\nContent-Length: 50000000\r\n\r\n")
	if got := nextAnswer(t, answers); result(t, got) != "115" {
		t.Errorf("answered %+v", got)
	}
}

func dial(t *testing.T, address string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, bufio.NewReader(conn)
}

func nextAnswer(t *testing.T, r *bufio.Reader) answer {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, resp)
}

func TestKeepAliveAndAnyHost(t *testing.T) {
	s := newServer(t, &fakeBackend{})
	formType, form := formOf("torrent", torrent)
	conn, answers := dial(t, s.Listener.Addr().String())
	for _, host := range []string{"torrage.com", "www.torrage.example:8080", "[::1]", "10.0.0.1"} {
		fmt.Fprintf(conn, "POST /autoupload.php HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", host, formType, len(form), form)
		if got := nextAnswer(t, answers); got.status != http.StatusOK || got.body != hashV1+"\n" {
			t.Errorf("Host %s: answered %+v", host, got)
		}
		call := callOf("")
		fmt.Fprintf(conn, "POST /api/index.php HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", host, len(call), call)
		if got := nextAnswer(t, answers); got.status != http.StatusOK || result(t, got) != "111" {
			t.Errorf("Host %s: answered %+v", host, got)
		}
	}
}

// The documented PHP script keeps the first 40 characters after the last CR LF.
func TestRawAnswerOfHTTP10(t *testing.T) {
	s := newServer(t, &fakeBackend{})
	formType, form := formOf("torrent", torrent)
	conn, answers := dial(t, s.Listener.Addr().String())
	fmt.Fprintf(conn, "POST /autoupload.php HTTP/1.0\r\nAccept-Encoding: gzip\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", formType, len(form), form)
	whole, err := io.ReadAll(answers)
	if err != nil {
		t.Fatal(err)
	}
	pieces := strings.Split(string(whole), "\r\n")
	if last := pieces[len(pieces)-1]; last != hashV1+"\n" || !strings.HasPrefix(pieces[0], "HTTP/1.0 200 ") {
		t.Errorf("the whole answer: %q", whole)
	}
	if !strings.Contains(string(whole), "\r\nContent-Length: 41\r\n") {
		t.Errorf("no Content-Length: %q", whole)
	}
}

func TestBodiesThatStopHalfWay(t *testing.T) {
	formType, form := formOf("torrent", torrent)
	call := callOf(encodedTorrent)
	cases := []struct {
		name, path, contentType, body string
		keep                          int
		want                          string
	}{
		{"SOAP before the call", "/api/index.php", "text/xml", call, 60, "Fault"},
		{"SOAP in the call", "/api/index.php", "text/xml", call, 250, ">110<"},
		{"SOAP after the call", "/api/index.php", "text/xml", call, len(call) - 5, ">110<"},
		{"form in the file", "/autoupload.php", formType, form, 230, "Error 110: "},
		{"form before its end", "/autoupload.php", formType, form, len(form) - 10, "Error 110: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeBackend{}
			conn, answers := dial(t, newServer(t, f).Listener.Addr().String())
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", c.path, c.contentType, len(c.body), c.body[:c.keep])
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got := nextAnswer(t, answers)
			if sent, any := f.got(); any || !strings.Contains(got.body, c.want) {
				t.Errorf("the backend got %q; answered %d %s", sent, got.status, got.body)
			}
		})
	}
}
