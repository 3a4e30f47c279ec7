package httpx_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/httpx"
)

// echoServer answers each request with its method, path, raw query and body.
func echoServer(t testing.TB) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %q %q %q %v", r.Method, r.URL.Path, r.URL.RawQuery, body, err)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(httpx.MendRequests(listener)) }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return listener.Addr().String()
}

// exchange sends pieces one write each and returns the bodies of the answers;
// an answer that is not 200 is its status.
func exchange(t testing.TB, addr string, pieces ...string) []string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, piece := range pieces {
		if _, err := io.WriteString(conn, piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	var answers []string
	for in := bufio.NewReader(conn); ; {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return answers
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 200 {
			body = []byte(res.Status)
		}
		answers = append(answers, string(body))
	}
}

func TestRequestLinesAreMended(t *testing.T) {
	addr := echoServer(t)
	for _, c := range []struct{ name, line, want string }{
		{"nothing to mend", "GET /torrent/X.torrent?title=a%20b HTTP/1.1", `GET "/torrent/X.torrent" "title=a%20b" "" <nil>`},
		{"blanks in the query", "GET /torrent/X?title=My old film HTTP/1.1", `GET "/torrent/X" "title=My%20old%20film" "" <nil>`},
		{"blanks in the path", "GET /torrent/X/My film.torrent HTTP/1.1", `GET "/torrent/X/My film.torrent" "" "" <nil>`},
		{"blank at the end", "GET /x?title=a  HTTP/1.1", `GET "/x" "title=a" "" <nil>`},
		{"two blanks before the target", "GET  /x HTTP/1.1", `GET "/x" "" "" <nil>`},
		{"tab", "GET /x?title=a\tb HTTP/1.1", `GET "/x" "title=a%09b" "" <nil>`},
		{"bare percent in the path", "GET /torrent/X/100%.torrent HTTP/1.1", `GET "/torrent/X/100%.torrent" "" "" <nil>`},
		{"escape in the path", "GET /torrent/X/%41.torrent HTTP/1.1", `GET "/torrent/X/A.torrent" "" "" <nil>`},
		{"bare percent in the query", "GET /x?title=100% HTTP/1.1", `GET "/x" "title=100%" "" <nil>`},
		{"semicolon", "GET /x?title=a;b HTTP/1.1", `GET "/x" "title=a;b" "" <nil>`},
		{"raw UTF-8", "GET /x?title=é HTTP/1.1", `GET "/x" "title=é" "" <nil>`},
		{"HTTP/1.0", "GET /x?title=a b HTTP/1.0", `GET "/x" "title=a%20b" "" <nil>`},
		{"HTTP in the title", "GET /x?title=about HTTP/1.1 and 2 HTTP/1.1", `GET "/x" "title=about%20HTTP/1.1%20and%202" "" <nil>`},
		{"full URL", "GET http://h/x?title=a b HTTP/1.1", `GET "/x" "title=a%20b" "" <nil>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := exchange(t, addr, c.line+"\r\nHost: h\r\nConnection: close\r\n\r\n")
			if len(got) != 1 || got[0] != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Lines that the servers of 2010 passed over do not cost the request; those that may say
// where a message ends or goes do.
func TestHeaderLinesAreMended(t *testing.T) {
	addr := echoServer(t)
	const served = `GET "/x" "" "" <nil>`
	for _, c := range []struct{ name, before, header, want string }{
		{"empty lines before it", "\r\n\n", "", served},
		{"no colon", "", "just text\r\n", served},
		{"no name", "", ": value\r\n", served},
		{"no token", "", "(Cookie): a\r\n", served},
		{"blank before the colon", "", "Cookie : a\r\n", served},
		{"control characters", "", "Cookie: a\x01\x7fb\rc\r\n", served},
		{"unknown expectation", "", "Expect: much\r\n", served},
		{"NUL", "", "Cookie: a\x00b\r\n", "400 Bad Request"},
		{"length with a blank", "", "Content-Length : 5\r\n", "400 Bad Request"},
		{"length with a control character", "", "Content-Length\x01: 5\r\n", "400 Bad Request"},
		{"length in the value", "", "Content-Length: 5\x01\r\n", "400 Bad Request"},
		{"coding without a colon", "", "Transfer-Encoding chunked\r\n", "400 Bad Request"},
		{"two hosts", "", "Host : other\r\n", "400 Bad Request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := exchange(t, addr, c.before+"GET /x HTTP/1.1\r\nHost: h\r\n"+c.header+"Connection: close\r\n\r\n")
			if len(got) != 1 || !strings.HasPrefix(got[0], c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestOneConnectionManyRequests(t *testing.T) {
	addr := echoServer(t)
	get := "GET /x?title=a b HTTP/1.1\r\nHost: h\r\n\r\n"
	post := "POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\nGET /not a request HTTP/1.1\r\nHost: h\r\n\r\n"
	clean := "GET /y HTTP/1.1\r\nHost: h\r\n\r\n"
	want := `GET "/x" "title=a%20b" "" <nil>`
	posted := `POST "/up" "" "GET /not a request HTTP/1.1\r\nHost: h\r\n\r\n" <nil>`
	for _, c := range []struct {
		name   string
		pieces []string
		want   []string
	}{
		{"pipelined", []string{get + get + get}, []string{want, want, want}},
		{"byte by byte", strings.Split(get+get, ""), []string{want, want}},
		{"a body is left alone", []string{get + post + clean}, []string{want, posted, `GET "/y" "" "" <nil>`}},
		{"after a body nothing is mended", []string{post + get}, []string{posted, "400 Bad Request"}},
		{"no HTTP", []string{"hello\r\n\r\n"}, []string{"400 Bad Request"}},
		{"line feeds only", []string{"GET /x?title=a b HTTP/1.1\nHost: h\n\n"}, []string{want}},
		{"longer than is looked at", []string{"GET /" + strings.Repeat("x ", 40<<10) + " HTTP/1.1\r\nHost: h\r\n\r\n"}, []string{"400 Bad Request"}},
		{"cut off", []string{"GET /x?title=a b HT"}, []string{"400 Bad Request"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := exchange(t, addr, c.pieces...)
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// While a handler runs net/http reads ahead, and breaks that read off afterwards. The
// bytes that had come of the next request must not be lost over it.
func TestTheNextRequestMayBeginBeforeTheAnswer(t *testing.T) {
	conn, err := net.Dial("tcp", echoServer(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for i, piece := range []string{
		"GET /0?a b HTTP/1.1\r\nHost: h\r\n\r\nGET /1?",
		"a b HTTP/1.1\r\nHost: h\r\n\r\nGET /2?a b HT",
		"TP/1.1\r\nHost: h\r\n\r\n",
	} {
		if _, err := io.WriteString(conn, piece); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if want := fmt.Sprintf(`GET "/%d" "a%%20b" "" <nil>`, i); err != nil || string(body) != want {
			t.Fatalf("%v %q, want %q", err, body, want)
		}
	}
}

func FuzzMendRequests(f *testing.F) {
	f.Add([]byte("GET /a b HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na b"))
	f.Add([]byte("\r\n\r\n: \n"))
	f.Add([]byte("GET %zz HTTP/1.1"))
	f.Add([]byte("\n\r\nGET / HTTP/1.1\r\nno header\r\nA: b\x01c\rd\r\nExpect: all\r\n(Content-Length): 3\r\n\r\nGET / HTTP/1.0\n\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		got := through(t, sent)
		// Apart from the lines that end in a version, all lines are as sent, are passed over,
		// or have blanks in place of control characters; never those that frame a message.
		in := bytes.SplitAfter(sent, []byte("\n"))
		for _, line := range bytes.SplitAfter(got, []byte("\n")) {
			for len(in) > 0 && !sameLine(in[0], line) {
				if frames(in[0]) {
					t.Fatalf("%q is passed over", in[0])
				}
				in = in[1:]
			}
			if len(in) == 0 {
				t.Fatalf("line %q came out of nothing", line)
			}
			in = in[1:]
		}
		if again := through(t, got); !bytes.Equal(again, got) {
			t.Fatalf("%q, mended again: %q", got, again)
		}
	})
}

// sameLine reports whether mending may make out of in.
func sameLine(in, out []byte) bool {
	if bytes.Equal(in, out) || bytes.Contains(in, []byte(" HTTP/1.")) && bytes.Contains(out, []byte(" HTTP/1.")) {
		return true
	}
	blanks := bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\r' && r != '\n' && r != 0 || r == 0x7f {
			return ' '
		}
		return r
	}, bytes.TrimRight(in, "\r\n"))
	blanks = bytes.ReplaceAll(blanks, []byte("\r"), []byte(" "))
	return !frames(in) && bytes.Equal(blanks, bytes.TrimRight(out, "\r\n"))
}

func frames(line []byte) bool {
	name, _, _ := bytes.Cut(bytes.ToLower(line), []byte(":"))
	return bytes.Contains(name, []byte("content-length")) || bytes.Contains(name, []byte("transfer-encoding"))
}

// through returns what a server reads when a client sends b and closes.
func through(t *testing.T, b []byte) []byte {
	t.Helper()
	client, server := net.Pipe()
	go func() {
		client.Write(b)
		client.Close()
	}()
	conn, err := httpx.MendRequests(&oneConn{conn: server}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// oneConn is a listener with one connection.
type oneConn struct {
	net.Listener
	conn net.Conn
}

func (l *oneConn) Accept() (net.Conn, error) { return l.conn, nil }
