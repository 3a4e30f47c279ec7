package gateway_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/reason"
)

func TestUpload(t *testing.T) {
	fresh := []byte("another torrent")
	for _, c := range []struct {
		name, contentType, body string
		sent                    []byte
		created                 bool
	}{
		{"raw", asTorrent, string(fresh), fresh, true},
		{"raw, known", asTorrent, string(knownTorrent), knownTorrent, false},
		{"raw, with a parameter", asTorrent + "; charset=binary", string(fresh), fresh, true},
		{"raw, upper case", "Content-Type: Application/X-BitTorrent", string(fresh), fresh, true},
		{"octet-stream", "Content-Type: application/octet-stream", string(fresh), fresh, true},
		{"JSON", asJSON, inJSON(fresh), fresh, true},
		{"JSON, known", asJSON, inJSON(knownTorrent), knownTorrent, false},
		{"JSON, with charset", asJSON + "; charset=utf-8", inJSON(fresh), fresh, true},
		{"JSON, base64 in lines", asJSON, `{"torrent":"YW5vdGhlciB0\r\nb3JyZW50"}`, fresh, true},
		{"JSON, base64 for URLs, no padding", asJSON, `{"torrent":"-_8"}`, []byte("\xfb\xff"), true},
		{"no type is JSON", "", inJSON(fresh), fresh, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDoor(t)
			got := d.do("POST", "/v1/torrents", c.body, c.contentType)
			var body map[string]any
			if err := json.Unmarshal([]byte(got.body), &body); err != nil {
				t.Fatalf("%d %q", got.StatusCode, got.body)
			}
			status, location, outcome := 200, "", "OUTCOME_ALREADY_CACHED"
			if c.created {
				status, location, outcome = 201, "/v1/torrents/"+knownHash, "OUTCOME_CREATED"
			}
			if got.StatusCode != status || got.Header.Get("Location") != location {
				t.Errorf("%d, Location %q", got.StatusCode, got.Header.Get("Location"))
			}
			if ct := got.Header.Get("Content-Type"); ct != "application/json" || got.ContentLength != int64(len(got.body)) {
				t.Errorf("Content-Type %q, Content-Length %d", ct, got.ContentLength)
			}
			if v2, there := body["infoHashV2"]; body["infoHash"] != knownHash || body["outcome"] != outcome || !there || v2 != "" {
				t.Errorf("body %s", got.body)
			}
			if len(d.cache.uploaded) != 1 || !bytes.Equal(d.cache.uploaded[0], c.sent) {
				t.Errorf("the service got %q", d.cache.uploaded)
			}
		})
	}
}

func TestUploadRefused(t *testing.T) {
	tooLarge := strings.Repeat("x", maxTorrentSize+1)
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		reason                  reason.Reason
		message                 string
	}{
		{"raw, too large", asTorrent, tooLarge, 413, reason.TorrentTooLarge, "100000 bytes"},
		{"raw, empty", asTorrent, "", 400, reason.TorrentEmpty, "empty"},
		{"JSON, too large", asJSON, inJSON([]byte(tooLarge + tooLarge)), 413, reason.TorrentTooLarge, "larger than"},
		{"JSON, empty", asJSON, "", 400, reason.TorrentEmpty, "empty"},
		{"JSON, no field that is known", asJSON, `{"torent":"AAAA"}`, 400, reason.TorrentEmpty, "empty"},
		{"JSON, bad base64", asJSON, `{"torrent":"AA*A` + strings.Repeat("A", 50000) + `"}`, 400, reason.RequestInvalid, "field torrent is not base64"},
		{"JSON, cut off", asJSON, `{"torrent":"AAAA`, 400, reason.RequestInvalid, "the JSON body: it ends too early"},
		{"JSON, twice", asJSON, `{"torrent":"AAAA"}{}`, 400, reason.RequestInvalid, "the JSON body"},
		{"JSON, a list", asJSON, `[]`, 400, reason.RequestInvalid, "the JSON body"},
		{"JSON, the torrent itself", asJSON, string(knownTorrent), 400, reason.RequestInvalid, "the JSON body"},
		{"JSON, compressed otherwise", asJSON + "\nContent-Encoding: br", "x", 415, reason.MediaUnsupported, "Content-Encoding"},
		{"JSON, compressed and cut off", asJSON + "\nContent-Encoding: gzip", "\x1f\x8b", 400, reason.RequestInvalid, "the JSON body: the compressed data is damaged: gzip: it is cut short"},
		{"JSON, compressed, too large", asJSON + "\nContent-Encoding: gzip", inGzip(strings.Repeat(" ", 500_000)), 413, reason.TorrentTooLarge, "decompressed"},
		{"a form", "Content-Type: application/x-www-form-urlencoded", "torrent=x", 415, reason.MediaUnsupported, "application/x-bittorrent"},
		{"a multipart form", "Content-Type: multipart/form-data; boundary=x", "--x--", 415, reason.MediaUnsupported, "Content-Type"},
		{"text", "Content-Type: text/plain", inJSON(knownTorrent), 415, reason.MediaUnsupported, "Content-Type"},
		{"a broken type", "Content-Type: /", inJSON(knownTorrent), 415, reason.MediaUnsupported, "Content-Type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDoor(t)
			got := d.do("POST", "/v1/torrents", c.body, strings.Split(c.contentType, "\n")...)
			message := wantError(t, got, c.status, c.reason)
			if !strings.Contains(message, c.message) || len(message) > 300 {
				t.Errorf("message %q", message)
			}
			if len(d.cache.uploaded) != 0 {
				t.Error("something was stored")
			}
		})
	}
}

func inGzip(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	io.WriteString(w, text)
	w.Close()
	return out.String()
}

func TestCompressedJSON(t *testing.T) {
	for _, header := range []string{"Content-Encoding: gzip", "Content-Encoding: x-gzip", "X-None: x"} {
		d := newDoor(t)
		if got := d.do("POST", "/v1/torrents", inGzip(inJSON(knownTorrent)), asJSON, header); got.StatusCode != 200 {
			t.Errorf("%s: %d %s", header, got.StatusCode, got.body)
		}
		if got := d.do("POST", "/v1/torrents:findMissing", inGzip(`{"infoHashes":[]}`), asJSON, header); got.StatusCode != 200 {
			t.Errorf("%s: %d %s", header, got.StatusCode, got.body)
		}
	}
}

func TestUnknownFieldsAreNamed(t *testing.T) {
	long := strings.Repeat("A", 4000) // goes the short way
	for body, want := range map[string]string{
		`{"torrent":"AAAA"}`: "",
		`{"torrent":"AAAA","zz":{"torrent":1},"a\"\u000a":2}`: `299 torrentcache "ignored, because the API has no such field: a   zz"`,
		`{"torrent":"` + long + `","name":"x"}`:               `299 torrentcache "ignored, because the API has no such field: name"`,
		`{"torrent":"` + long + `","expected_info_hash":""}`:  "",
	} {
		d := newDoor(t)
		if got := d.do("POST", "/v1/torrents", body, asJSON); got.StatusCode != 201 || got.Header.Get("Warning") != want {
			t.Errorf("%.60s: %d, Warning %q, want %q", body, got.StatusCode, got.Header.Get("Warning"), want)
		}
	}
}

func TestMessagesNameTheFieldsOfJSON(t *testing.T) {
	d := newDoor(t)
	got := d.do("GET", "/v1/torrents/"+knownHash+"/info?file_page_size=x", "")
	if message := wantError(t, got, 400, reason.RequestInvalid); message != `parsing field "filePageSize": "x": invalid syntax` {
		t.Errorf("message %q", message)
	}
	d.cache.failWith(reason.New(reason.TorrentInvalid, "expected_info_hash is another, no_field").On("expected_info_hash"))
	got = d.do("POST", "/v1/torrents", inJSON(knownTorrent), asJSON)
	if message := wantError(t, got, 400, reason.TorrentInvalid); message != "expectedInfoHash is another, no_field" || !strings.Contains(got.body, `"field":"expectedInfoHash"`) {
		t.Errorf("%s", got.body)
	}
}

func TestBodiesAsTheyComeOverTheWire(t *testing.T) {
	const head = "POST /v1/torrents HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	chunks := strings.Repeat("4000\r\n"+strings.Repeat("x", 0x4000)+"\r\n", 8) + "0\r\n\r\n" // 128 KiB
	for _, c := range []struct {
		name, request string
		status, text  string
	}{
		{"raw stops half-way", head + asTorrent + "\r\nContent-Length: 100\r\n\r\nd4:info", "400", "REQUEST_INVALID"},
		{"JSON stops half-way", head + asJSON + "\r\nContent-Length: 100\r\n\r\n{", "400", "REQUEST_INVALID"},
		{"raw chunks stop half-way", head + asTorrent + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nd4", "400", "REQUEST_INVALID"},
		{"raw chunks", head + asTorrent + "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "201", "OUTCOME_CREATED"},
		{"raw chunks, too large", head + asTorrent + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, "413", "TORRENT_TOO_LARGE"},
		{"expects 100, too large", head + asTorrent + "\r\nExpect: 100-continue\r\nContent-Length: 200000\r\n\r\n", "413", "TORRENT_TOO_LARGE"},
		{"HTTP/1.0", "POST /v1/torrents HTTP/1.0\r\n" + asTorrent + "\r\nContent-Length: 3\r\n\r\nabc", "201", "OUTCOME_CREATED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDoor(t)
			got := d.raw(c.request)
			if _, rest, _ := strings.Cut(got, " "); !strings.HasPrefix(rest, c.status) || !strings.Contains(got, c.text) {
				t.Errorf("got %q", got)
			}
		})
	}
}
