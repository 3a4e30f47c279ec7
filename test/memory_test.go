//go:build e2e

package test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// sizeLimit is the default of --max-torrent-size, in bytes.
const sizeLimit = 10_000_000

// peakMemory returns the peak resident memory of the server in bytes (VmHWM, proc(5)).
func (s *server) peakMemory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	kilobytes := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if kilobytes == nil {
		t.Fatalf("no VmHWM in %s", status)
	}
	n, err := strconv.Atoi(string(kilobytes[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// largePost is one way to upload a torrent by HTTP.
type largePost struct {
	path, contentType, coding string
	body                      []byte
	chunked                   bool
}

func (p largePost) send(t *testing.T, s *server) {
	t.Helper()
	var body io.Reader = bytes.NewReader(p.body)
	if p.chunked {
		body = struct{ io.Reader }{body} // hides the length from net/http
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.HTTP+p.path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", p.contentType)
	if p.coding != "" {
		r.Header.Set("Content-Encoding", p.coding)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 || !regexp.MustCompile(`[0-9A-F]{40}`).Match(answer) {
		t.Fatalf("%s %s %v", resp.Status, answer, err)
	}
}

// TestMemoryOfAnUpload uploads the largest torrents by every door, each to a new server. An
// upload must take less memory than the budget counts for it, 4 times the body.
func TestMemoryOfAnUpload(t *testing.T) {
	t.Parallel()
	torrent := torrenttest.Random(1, 9_900_000)
	for name, upload := range largeUploads(t, torrent) {
		t.Run(name, func(t *testing.T) {
			s := startServer(t)
			warmUp(t, s)
			before := s.peakMemory(t)
			upload.send(t, s)
			grown := s.peakMemory(t) - before
			t.Logf("%.1f MB, %.2f times the body", float64(grown)/1e6, float64(grown)/float64(upload.size))
			if grown >= 4*upload.size {
				t.Errorf("the upload took %d bytes, want less than %d", grown, 4*upload.size)
			}
		})
	}
}

// warmUp uploads small torrents, so that one-time allocations do not count.
func warmUp(t *testing.T, s *server) {
	t.Helper()
	largePost{path: "/api/index.php", contentType: "text/xml", body: soapCall(soap11, numbered(1), 76)}.send(t, s)
	largePost{path: "/v1/torrents", contentType: "application/x-bittorrent", body: numbered(2)}.send(t, s)
	largePost{path: "/v1/torrents", contentType: "application/json", body: jsonCall(numbered(3))}.send(t, s)
}

// memoryWay is one way to upload a torrent. Size is the number of bytes of the body, decompressed
// if it is compressed.
type memoryWay struct {
	send func(*testing.T, *server)
	size int
}

func largeUploads(t *testing.T, torrent []byte) map[string]memoryWay {
	t.Helper()
	call, lines := soapCall(soap11, torrent, 1<<30), soapCall(soap11, torrent, 76)
	cdata := bytes.Replace(call, []byte("<torrent>"), []byte("<torrent><![CDATA["), 1)
	cdata = bytes.Replace(cdata, []byte("</torrent>"), []byte("]]></torrent>"), 1)
	uploads := map[string]largePost{
		"SOAP 1.1":                 {path: "/api/index.php", contentType: "text/xml", body: call},
		"SOAP 1.2, literal":        {path: "/api/soap", contentType: "application/soap+xml", body: soapCall(soap12, torrent, 1<<30)},
		"SOAP in lines, chunked":   {path: "/api/index.php", contentType: "text/xml", body: lines, chunked: true},
		"SOAP in CDATA":            {path: "/api/index.php", contentType: "text/xml", body: cdata},
		"SOAP with a comment":      {path: "/api/index.php", contentType: "text/xml", body: slices.Insert(bytes.Clone(call), len(call)/2, []byte("<!-- -->")...)},
		"SOAP, gzip":               {path: "/api/index.php", contentType: "text/xml", coding: "gzip", body: gzipped(t)(call)},
		"SOAP, deflate, chunked":   {path: "/api/soap", contentType: "text/xml", coding: "deflate", body: deflated(t, call), chunked: true},
		"form":                     formUpload(t, torrent),
		"raw":                      {path: "/v1/torrents", contentType: "application/x-bittorrent", body: torrent},
		"raw, chunked":             {path: "/v1/torrents", contentType: "application/x-bittorrent", body: torrent, chunked: true},
		"raw, a torrent in gzip":   {path: "/v1/torrents", contentType: "application/x-bittorrent", body: gzipped(t)(torrent)},
		"raw, a torrent in bzip2":  {path: "/v1/torrents", contentType: "application/x-bittorrent", body: bzipped(t)(torrent)},
		"SOAP, a torrent in bzip2": {path: "/api/index.php", contentType: "text/xml", body: soapCall(soap11, bzipped(t)(torrent), 76)},
		"form, URL-encoded":        {path: "/autoupload.php", contentType: "application/x-www-form-urlencoded", body: urlEncoded()},
		"JSON":                     {path: "/v1/torrents", contentType: "application/json", body: jsonCall(torrent)},
		"JSON, as PHP writes it":   {path: "/v1/torrents", contentType: "application/json", body: bytes.ReplaceAll(jsonCall(torrent), []byte("/"), []byte(`\/`))},
	}
	ways := map[string]memoryWay{
		"gRPC": {size: len(torrent), send: func(t *testing.T, s *server) {
			if _, err := dial(t, s).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for name, u := range uploads {
		ways[name] = memoryWay{u.send, max(len(u.body), len(torrent))}
	}
	return ways
}

const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
)

// soapCall returns a SOAP call with a torrent in base64, in lines of that many digits.
func soapCall(envelope string, torrent []byte, line int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<s:Envelope xmlns:s="%s"><s:Body><cacheTorrent><torrent>`, envelope)
	digits := base64.StdEncoding.EncodeToString(torrent)
	for ; len(digits) > line; digits = digits[line:] {
		b.WriteString(digits[:line] + "\n")
	}
	b.WriteString(digits + `</torrent></cacheTorrent></s:Body></s:Envelope>`)
	return b.Bytes()
}

func jsonCall(torrent []byte) []byte {
	return []byte(`{"torrent":"` + base64.StdEncoding.EncodeToString(torrent) + `"}`)
}

func formUpload(t *testing.T, torrent []byte) largePost {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("torrent", "a.torrent")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(torrent) // to memory
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return largePost{path: "/autoupload.php", contentType: form.FormDataContentType(), body: b.Bytes()}
}

// urlEncoded returns a form with a large torrent whose URL encoding is also within the limit,
// because hardly a byte of it needs escaping.
func urlEncoded() []byte {
	const pieces = 495_000
	torrent := torrenttest.Bencode(torrenttest.Dict{"info": torrenttest.Dict{
		"length": int64(pieces * 16384), "name": "a b", "piece length": int64(16384), "pieces": strings.Repeat("p", 20*pieces),
	}})
	return append([]byte("torrent="), bytes.ReplaceAll(torrent, []byte(" "), []byte("%20"))...)
}

// deflated returns raw deflate data, which many clients send instead of the zlib format.
func deflated(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(data) // to memory
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
