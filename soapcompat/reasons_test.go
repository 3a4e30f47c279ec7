package soapcompat_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// formOf is a multipart form with one file field, and its content type.
func formOf(field, content string) (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	p, err := w.CreateFormFile(field, "my.torrent")
	if err != nil {
		panic(err) // a Buffer takes everything
	}
	_, _ = p.Write([]byte(content))
	w.Close()
	return w.FormDataContentType(), b.String()
}

func TestEveryReasonThroughSOAP(t *testing.T) {
	for _, why := range reason.All() {
		h := newHandler(t, &fakeBackend{err: reason.New(why, "line one\r\nline two %s", strings.Repeat("A", 60))})
		for _, v := range []struct{ path, ns string }{
			{"/api/index.php", soap11}, {"/api/index.php", soap12}, {"/api/soap", soap11}, {"/api/soap", soap12},
		} {
			got := post(h, v.path, "text/xml", strings.ReplaceAll(callOf(encodedTorrent), soap11, v.ns))
			checkErrorHeader(t, got)
			if why == reason.Unauthenticated || why == reason.PermissionDenied || why == reason.MediaUnsupported {
				if got.status != why.Answer().JSON || !strings.Contains(got.body, "Fault") {
					t.Errorf("%s at %s: answered %d %s", why, v.path, got.status, got.body)
				}
				continue
			}
			if got.status != http.StatusOK || result(t, got) != strconv.Itoa(why.Answer().SOAP) || !strings.Contains(got.body, v.ns) {
				t.Errorf("%s at %s: answered %d %s", why, v.path, got.status, got.body)
			}
		}
	}
}

func TestEveryReasonThroughTheForm(t *testing.T) {
	contentType, body := formOf("torrent", torrent)
	for _, why := range reason.All() {
		failure := reason.New(why, "line one\r\nline two %s", strings.Repeat("A", 60))
		got := post(newHandler(t, &fakeBackend{err: failure}), "/autoupload.php", contentType, body)
		checkErrorHeader(t, got)
		if got.status != why.Answer().Form || got.body != failure.LegacyBody() {
			t.Errorf("%s: answered %d %q", why, got.status, got.body)
		}
		if got.header.Get("Content-Length") != strconv.Itoa(len(got.body)) {
			t.Errorf("%s: Content-Length %q", why, got.header.Get("Content-Length"))
		}
		if later := why.Answer().Retry > 0; later != (got.header.Get("Retry-After") != "") {
			t.Errorf("%s: status %d, Retry-After %q", why, got.status, got.header.Get("Retry-After"))
		}
	}
}

func checkErrorHeader(t *testing.T, got answer) {
	t.Helper()
	text := got.header.Get("X-Torrage-Error-Msg")
	if text == "" || strings.ContainsAny(text, "\r\n") {
		t.Errorf("X-Torrage-Error-Msg: %q", text)
	}
	hash := regexp.MustCompile(`[0-9A-Fa-f]{40}`)
	if hash.MatchString(got.body) || hash.MatchString(text) {
		t.Errorf("an error that looks like an info hash: %s, %s", text, got.body)
	}
}

func TestEveryReasonOnTheUploadPage(t *testing.T) {
	contentType, body := formOf("torrent", torrent)
	for _, why := range reason.All() {
		got := post(newHandler(t, &fakeBackend{err: reason.New(why, "because <b>")}), "/upload.php", contentType, body)
		if got.status != why.Answer().JSON || got.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: answered %d %q", why, got.status, got.header.Get("Content-Type"))
		}
		if strings.Contains(got.body, "<b>") {
			t.Errorf("%s: text is not escaped", why)
		}
	}
}

func TestWordsThatScriptsLookFor(t *testing.T) {
	contentType, body := formOf("torrent", torrent)
	for why, want := range map[reason.Reason]string{
		reason.TorrentInvalid: "Error 112: Broken torrent file, please recreate it and try again.",
		reason.TorrentRemoved: "Error 116: Deleted torrent:",
	} {
		got := post(newHandler(t, &fakeBackend{err: reason.New(why, "because")}), "/autoupload.php", contentType, body)
		if !strings.HasPrefix(got.body, want) || !strings.HasSuffix(got.body, "\n") || strings.Contains(got.body, "\r") {
			t.Errorf("%s: %q", why, got.body)
		}
	}
}

// A backend of another make, or a proxy, may send no reason, or an answer that is not valid.
func TestBackendsThatAreNotOurs(t *testing.T) {
	cases := []struct {
		name string
		f    *fakeBackend
		want string
	}{
		{"message over the receive limit", &fakeBackend{err: status.Error(codes.ResourceExhausted, "too large")}, "115"},
		{"unreachable", &fakeBackend{err: status.Error(codes.Unavailable, "refused")}, "114"},
		{"plain error", &fakeBackend{err: fmt.Errorf("boom")}, "113"},
		{"panic", &fakeBackend{panics: true}, "113"},
		{"no hash", &fakeBackend{answer: &torrentcachev1.CacheTorrentResponse{}}, "113"},
		{"no hash at all", &fakeBackend{answer: &torrentcachev1.CacheTorrentResponse{InfoHashV1: "<b>"}}, "113"},
	}
	contentType, form := formOf("torrent", torrent)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHandler(t, c.f)
			if got := post(h, "/api/index.php", "text/xml", callOf(encodedTorrent)); got.status != http.StatusOK || result(t, got) != c.want {
				t.Errorf("SOAP: answered %d %s", got.status, got.body)
			}
			if got := post(h, "/autoupload.php", contentType, form); !strings.HasPrefix(got.body, "Error "+c.want+": ") {
				t.Errorf("form: answered %d %s", got.status, got.body)
			}
		})
	}
}

func TestLegacyHashIsV1ElseShortV2(t *testing.T) {
	contentType, form := formOf("torrent", torrent)
	for want, a := range map[string]*torrentcachev1.CacheTorrentResponse{
		hashV1:      {InfoHash: hashV1, InfoHashV1: hashV1, InfoHashV2: hashV2},
		hashV2[:40]: {InfoHash: hashV2, InfoHashV2: hashV2},
	} {
		h := newHandler(t, &fakeBackend{answer: a})
		if got := result(t, post(h, "/api/index.php", "text/xml", callOf(encodedTorrent))); got != want {
			t.Errorf("SOAP: %q, want %q", got, want)
		}
		if got := post(h, "/autoupload.php", contentType, form); got.body != want+"\n" || got.header.Get("X-Torrage-Infohash") != want {
			t.Errorf("form: %+v, want %q", got, want)
		}
	}
}
