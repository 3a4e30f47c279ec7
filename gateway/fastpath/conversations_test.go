package fastpath_test

import (
	"strconv"
	"strings"
	"testing"
)

const (
	smallPath  = "/torrent/0123456789ABCDEF0123456789ABCDEF01234567.torrent"
	largePath  = "/torrent/89ABCDEF0123456789ABCDEF0123456789ABCDEF.torrent"
	modernPath = "/torrent/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.torrent"
	absentPath = "/torrent/ABABABABABABABABABABABABABABABABABABABAB.torrent"
	slowPath   = "/torrent/CDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCD.torrent"

	get   = "GET " + smallPath + " HTTP/1.1\r\nHost: example.org\r\n\r\n"
	other = "GET /other HTTP/1.1\r\nHost: example.org\r\n\r\n"
	next  = "\xff\xff" // the client waits for the answer
)

// request returns a GET of a torrent with these further header lines.
func request(lines ...string) string {
	return "GET " + smallPath + " HTTP/1.1\r\nHost: example.org\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// conversations has the bytes that clients send, and how many answers the fast path gives.
var conversations = []struct {
	name  string
	input string
	fast  int64
}{
	{"nothing", "", 0},
	{"a plain GET", get, 1},
	{"HEAD", strings.Replace(get, "GET", "HEAD", 1), 1},
	{"a large torrent", strings.Replace(get, smallPath, largePath, 1), 1},
	{"HEAD of a large torrent", strings.Replace(get, "GET "+smallPath, "HEAD "+largePath, 1), 1},
	{"a v2 hash in lower case", strings.Replace(get, smallPath, modernPath, 1), 1},
	{"a v1 hash in lower case", strings.Replace(get, smallPath, "/torrent/0123456789abcdef0123456789abcdef01234567.torrent", 1), 1},
	{"a hash known to be absent", strings.Replace(get, smallPath, absentPath, 1), 1},
	{"HEAD of a hash known to be absent", strings.Replace(get, "GET "+smallPath, "HEAD "+absentPath, 1), 1},
	{"a hash known to be absent, by a browser", strings.Replace(request("Sec-Fetch-Dest: document"), smallPath, absentPath, 1), 0},
	{"a torrent not in memory", strings.Replace(get, smallPath, slowPath, 1), 0},

	{"keep-alive", get + next + get + next + get, 3},
	{"pipelining", get + get + get, 3},
	{"two answers of which the first is not ready", strings.Replace(get, smallPath, slowPath, 1) + next + get, 1},
	{"back after the ordinary way", other + next + get + next + other + next + get, 2},
	{"back after an upload", "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + next + get, 1},
	{"back after an upload in pieces", "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n" + next + "hel" + next + "lo" + next + get, 1},
	{"a body that looks like a request", "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: " + strconv.Itoa(len(get)) + "\r\n\r\n" + next + get + next + get, 1},
	{"sent ahead behind the ordinary way", other + get + next + get, 0},
	{"a plain request, then another in one packet", get + other + next + get, 2},
	{"in two pieces", get[:20] + next + get[20:] + next + get, 0},
	{"cut off", get[:len(get)-2], 0},

	{"HTTP/1.0", strings.Replace(get, "1.1", "1.0", 1) + next + get, 1},
	{"HTTP/1.0 without Host", "GET " + smallPath + " HTTP/1.0\r\n\r\n", 1},
	{"HTTP/1.0 keep-alive", strings.Replace(request("Connection: Keep-Alive"), "1.1", "1.0", 1) + next + get, 2},
	{"HTTP/1.0 close", strings.Replace(request("Connection: close"), "1.1", "1.0", 1) + next + get, 1},
	{"HTTP/1.1 close", request("Connection: close") + next + get, 1},
	{"HTTP/1.1 close of an absent one", strings.Replace(request("Connection: CLOSE"), smallPath, absentPath, 1), 1},
	{"HTTP/1.1 keep-alive", request("connection: keep-alive") + next + get, 2},
	{"Connection with a list", request("Connection: te , close") + next + get, 1},
	{"Connection with an empty token", request("Connection: keep-alive,") + next + get, 0},
	{"keep-alive and close", request("Connection: close,Keep-Alive") + next + get, 0},
	{"HTTP/1.0 keep-alive and close", strings.Replace(request("Connection: close,Keep-Alive"), "1.1", "1.0", 1) + next + get, 1},
	{"Connection twice", request("Connection: keep-alive", "Connection: close") + next + get, 0},
	{"Connection naming a header", request("Connection: X-Hop") + next + get, 0},
	{"HTTP/1.2", strings.Replace(get, "1.1", "1.2", 1), 0},
	{"HTTP/2.0", strings.Replace(get, "1.1", "2.0", 1), 0},
	{"HTTP/0.9", "GET " + smallPath + "\r\n\r\n", 0},
	{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},

	{"without Host", "GET " + smallPath + " HTTP/1.1\r\n\r\n", 0},
	{"an empty Host", "GET " + smallPath + " HTTP/1.1\r\nHost:\r\n\r\n", 0},
	{"two Hosts", request("Host: example.org"), 0},
	{"HTTP/1.0 with two Hosts", strings.Replace(request("Host: example.org"), "1.1", "1.0", 1), 0},
	{"a Host with a space", strings.Replace(get, "example.org", "exam ple.org", 1), 0},
	{"a Host with a slash", strings.Replace(get, "example.org", "exam/ple.org", 1), 0},
	{"an IPv6 Host", strings.Replace(get, "example.org", "[::1]:8080", 1), 1},

	{"a range", request("Range: bytes=0-3") + next + get, 1},
	{"If-None-Match that matches", request(`If-None-Match: "0123456789abcdef"`) + next + get, 1},
	{"If-Modified-Since", request("if-modified-since: Sat, 01 Jan 2033 00:00:00 GMT"), 0},
	{"If-Range", request("If-Range: x", "Range: bytes=0-1"), 0},
	{"credentials", request("Authorization: Bearer x"), 0},
	{"Expect without a body", request("Expect: 100-continue") + next + get, 1},
	{"an unknown expectation", request("Expect: miracles"), 0},
	{"Upgrade", request("Connection: Upgrade", "Upgrade: websocket"), 0},
	{"h2c upgrade", request("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), 0},
	{"TE", request("TE: trailers", "Connection: te") + next + get, 2},
	{"Trailer", request("Trailer: X") + next + get, 1},

	{"GET with a body", request("Content-Length: 5") + "hello" + next + get, 1},
	{"GET with an empty body", request("Content-Length: 0") + next + get, 1},
	{"GET with a body sent later", request("Content-Length: 5") + next + "hello" + next + get, 1},
	{"a chunked GET", request("Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n" + next + get, 0},
	{"length and chunked", request("Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n" + get, 0},
	{"chunked and length", request("Transfer-Encoding: chunked", "Content-Length: 5") + "0\r\n\r\n" + get, 0},
	{"two lengths", request("Content-Length: 5", "Content-Length: 6") + "hello" + get, 0},
	{"the same length twice", request("Content-Length: 5", "Content-Length: 5") + "hello" + get, 0},
	{"a length with a sign", request("Content-Length: +5") + "hello" + get, 0},
	{"a length in hex", request("Content-Length: 0x5") + "hello" + get, 0},
	{"a length beyond 64 bits", request("Content-Length: 99999999999999999999") + get, 0},
	{"lengths in a list", request("Content-Length: 5, 5") + "hello" + get, 0},
	{"an odd coding", request("Transfer-Encoding: xchunked") + get, 0},
	{"a coding behind a tab", request("Transfer-Encoding:\tchunked") + "0\r\n\r\n" + get, 0},
	{"a coding with a space before the colon", request("Transfer-Encoding : chunked") + "0\r\n\r\n" + get, 0},
	{"a length with a space before the colon", request("Content-Length : 5") + "hello" + get, 0},
	{"a folded coding", request("Transfer-Encoding:", " chunked") + "0\r\n\r\n" + get, 0},

	{"a folded header", request("X-Long: a", " b"), 0},
	{"a folded header first", "GET " + smallPath + " HTTP/1.1\r\n Host: a\r\n\r\n", 0},
	{"bare LF", strings.ReplaceAll(get, "\r\n", "\n"), 0},
	{"one bare LF", request("X: a\nY: b"), 0},
	{"a bare CR", request("X: a\rY: b"), 0},
	{"CR CR LF", request("X: a\r"), 0},
	{"NUL in a value", request("X: a\x00b"), 0},
	{"NUL in a name", request("X\x00: b"), 0},
	{"DEL in a value", request("X: a\x7fb"), 0},
	{"a tab in a value", request("X: a\tb"), 0},
	{"bytes above ASCII in a value", request("X: caf\xc3\xa9 \x80\xfe"), 1},
	{"bytes above ASCII in a name", request("X\xc3\xa9: b"), 0},
	{"no colon", request("nonsense"), 0},
	{"an empty name", request(": b"), 0},
	{"an empty value", request("X:"), 1},
	{"only spaces for a value", request("X:    "), 1},
	{"a colon in a value", request("X: a:b"), 1},

	{"a lower-case method", strings.Replace(get, "GET", "get", 1), 0},
	{"a method with a space before", " " + get, 0},
	{"an empty line before", "\r\n" + get, 0},
	{"an empty line after an upload", "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + next + "\r\n" + get, 0},
	{"two spaces", strings.Replace(get, "GET ", "GET  ", 1), 0},
	{"two spaces before the version", strings.Replace(get, " HTTP", "  HTTP", 1), 0},
	{"a space after the version", strings.Replace(get, "1.1\r", "1.1 \r", 1), 0},
	{"a tab for a space", strings.Replace(get, "GET ", "GET\t", 1), 0},
	{"absolute form", strings.Replace(get, " /", " http://elsewhere/", 1) + next + get, 0},
	{"CONNECT", "CONNECT " + smallPath + " HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" + next + get, 0},
	{"POST of a torrent's path", "POST " + smallPath + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" + next + get, 1},
	{"a title", strings.Replace(get, ".torrent ", ".torrent?title=x ", 1) + next + get, 1},
	{"a fragment", strings.Replace(get, ".torrent ", ".torrent#x ", 1), 0},
	{"a percent sign", strings.Replace(get, "/0123", "/%30123", 1), 0},
	{"without suffix", strings.Replace(get, ".torrent ", " ", 1), 0},
	{"a hash of another length", strings.Replace(get, "/0123", "/123", 1), 0},
	{"no hex", strings.Replace(get, "/0123", "/x123", 1), 0},
	{"a path with two slashes", strings.Replace(get, "/torrent", "//torrent", 1), 0},

	{"Chrome", request("Connection: keep-alive", `sec-ch-ua: "Chromium";v="142", "Not_A Brand";v="99"`, "sec-ch-ua-mobile: ?0",
		`sec-ch-ua-platform: "Linux"`, "Upgrade-Insecure-Requests: 1", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0",
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate",
		"Sec-Fetch-User: ?1", "Sec-Fetch-Dest: document", "Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-US,en;q=0.9",
		"Cookie: a=b; c=d"), 1},
	{"Firefox", request("User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Accept: */*",
		"Accept-Language: en", "Accept-Encoding: gzip", "Referer: http://example.org/", "DNT: 1", "Sec-GPC: 1", "Connection: keep-alive",
		"Priority: u=0, i", "Pragma: no-cache", "Cache-Control: no-cache"), 1},
	{"curl", request("User-Agent: curl/7.88.1", "Accept: */*"), 1},
	{"wget", request("User-Agent: Wget/1.21.3", "Accept: */*", "Accept-Encoding: identity", "Connection: Keep-Alive"), 1},
	{"Python urllib", "GET " + smallPath + " HTTP/1.1\r\nAccept-Encoding: identity\r\nHost: a:80\r\nUser-Agent: Python-urllib/3.11\r\nConnection: close\r\n\r\n", 1},
	{"Python requests", request("User-Agent: python-requests/2.28.1", "Accept-Encoding: gzip, deflate", "Accept: */*", "Connection: keep-alive"), 1},
	{"PHP", "GET " + smallPath + " HTTP/1.0\r\nHost: a\r\nConnection: close\r\n\r\n", 1},
	{"Sonarr", request("User-Agent: Sonarr/4.0.9 (debian 12)", "Accept-Encoding: gzip, br", "Connection: Close"), 1},
	{"LWP", "GET " + smallPath + " HTTP/1.1\r\nTE: deflate,gzip;q=0.3\r\nConnection: TE, close\r\nHost: a\r\nUser-Agent: libwww-perl/6.68\r\n\r\n", 1},
	{"behind nginx", request("X-Real-IP: 192.0.2.1", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "Forwarded: for=192.0.2.1"), 1},
}

func TestConversations(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			if fast := compare(t, []byte(c.input)); fast != c.fast {
				t.Errorf("%d answers came from the fast path, want %d", fast, c.fast)
			}
		})
	}
}
