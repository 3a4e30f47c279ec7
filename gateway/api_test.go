package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/reason"
)

const (
	asTorrent = "Content-Type: application/x-bittorrent"
	asJSON    = "Content-Type: application/json"
)

func inJSON(torrent []byte) string {
	return fmt.Sprintf(`{"torrent":%q}`, base64.StdEncoding.EncodeToString(torrent))
}

// wantError checks that got is the JSON error of r and returns its message.
func wantError(t *testing.T, got answer, status int, r reason.Reason) string {
	t.Helper()
	var body struct {
		Code    int
		Message string
		Details []map[string]any
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatalf("status %d, not JSON: %q", got.StatusCode, got.body)
	}
	if got.StatusCode != status || got.Header.Get("Content-Type") != "application/json" || body.Code == 0 || len(body.Details) == 0 {
		t.Fatalf("status %d, %v, body %s; want %d", got.StatusCode, got.Header, got.body, status)
	}
	info := body.Details[0]
	if info["@type"] != "type.googleapis.com/google.rpc.ErrorInfo" || info["reason"] != string(r) || info["domain"] != "torrentcache" {
		t.Fatalf("details %v, want %s", info, r)
	}
	if got.Header.Get("Cache-Control") != "no-store" {
		t.Error("the error may be cached")
	}
	return body.Message
}

func TestGet(t *testing.T) {
	d := newDoor(t)
	for _, c := range []struct {
		accept string
		raw    bool
	}{
		{"", false},
		{"*/*", false},
		{"application/json", false},
		{"text/html,application/xhtml+xml,*/*;q=0.8", false},
		{"application/json, application/x-bittorrent;q=0.5", false},
		{"application/x-bittorrent;q=0", false},
		{"application/x-bittorrent;q=x", false},
		{";;;", false},
		{"application/x-bittorrent", true},
		{"Application/X-BitTorrent", true},
		{"application/x-bittorrent, */*;q=0.1", true},
		{"application/x-bittorrent, application/json", true},
		{"*/*, application/json;q=0.1, application/x-bittorrent;q=0.2", true},
		{"application/json;q=0.4, application/x-bittorrent;q=0.5", true},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			t.Run(method+" "+c.accept, func(t *testing.T) {
				got := d.do(method, "/v1/torrents/"+strings.ToLower(knownHash), "", "Accept: "+c.accept)
				contentType, body := "application/json", string(inJSON(knownTorrent))
				if c.raw {
					contentType = "application/x-bittorrent"
				}
				if got.StatusCode != 200 || got.Header.Get("Content-Type") != contentType || got.Header.Get("Vary") != "Accept" {
					t.Fatalf("%d %v", got.StatusCode, got.Header)
				}
				if got.ContentLength <= 0 {
					t.Errorf("Content-Length %d", got.ContentLength)
				}
				switch {
				case method == "HEAD":
				case c.raw && got.body != string(knownTorrent):
					t.Errorf("body %q", got.body)
				case !c.raw && !strings.Contains(strings.ReplaceAll(got.body, " ", ""), body[1:len(body)-1]):
					t.Errorf("body %s, want it to hold %s", got.body, body)
				}
			})
		}
	}
}

func TestRawGetKeepsConditions(t *testing.T) {
	d := newDoor(t)
	got := d.do("GET", "/v1/torrents/"+knownHash, "", "Accept: application/x-bittorrent", `If-None-Match: "`+etagOf(knownTorrent)+`"`)
	if got.StatusCode != http.StatusNotModified {
		t.Errorf("status %d", got.StatusCode)
	}
}

func TestDescribe(t *testing.T) {
	d := newDoor(t)
	got := d.do("GET", "/v1/torrents/"+base32Hash+"/info?filePageSize=7&file_page_token=abc", "")
	if got.StatusCode != 200 || !strings.Contains(got.body, `"contentSizeBytes"`) || !strings.Contains(got.body, `"webSeeds"`) {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if req := d.cache.describe; req.GetFilePageSize() != 7 || req.GetFilePageToken() != "abc" || req.GetInfoHash() != knownHash {
		t.Errorf("the service got %v", req)
	}
	wantError(t, d.do("GET", "/v1/torrents/"+knownHash+"/info?filePageSize=many", ""), 400, reason.RequestInvalid)
}

func TestFindMissing(t *testing.T) {
	d := newDoor(t)
	ask := fmt.Sprintf(`{"infoHashes":[%q,%q]}`, knownHash, unknownHash)
	got := d.do("POST", "/v1/torrents:findMissing", ask, asJSON)
	var body struct{ MissingInfoHashes []string }
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != 200 || len(body.MissingInfoHashes) != 1 || body.MissingInfoHashes[0] != unknownHash {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	wantError(t, d.do("POST", "/v1/torrents:findMissing", ask, "Content-Type: text/plain"), 415, reason.MediaUnsupported)
	wantError(t, d.do("POST", "/v1/torrents:findMissing", strings.Repeat(" ", 2<<20), asJSON), 413, reason.TorrentTooLarge)
}

func TestRoutesThatAreNot(t *testing.T) {
	d := newDoor(t)
	for _, c := range []struct {
		method, path string
		status       int
		reason       reason.Reason
		allow        string
	}{
		{"GET", "/v1/torrents", 405, reason.MethodNotAllowed, "POST"},
		{"HEAD", "/v1/torrents", 405, "", "POST"},
		{"PUT", "/v1/torrents", 405, reason.MethodNotAllowed, "POST"},
		{"GET", "/v1/torrents:findMissing", 405, reason.MethodNotAllowed, "POST"},
		{"POST", "/v1/torrents/" + knownHash, 405, reason.MethodNotAllowed, "GET, HEAD"},
		{"DELETE", "/v1/torrents/" + knownHash, 405, reason.MethodNotAllowed, "GET, HEAD"},
		{"POST", "/v1/torrents/" + knownHash + "/info", 405, reason.MethodNotAllowed, "GET, HEAD"},
		{"GET", "/v1/", 404, reason.RouteNotFound, ""},
		{"GET", "/v1/torrents/", 404, reason.RouteNotFound, ""},
		{"GET", "/v1/nothing", 404, reason.RouteNotFound, ""},
		{"GET", "/v1/torrents/" + knownHash + "/more", 404, reason.RouteNotFound, ""},
		{"GET", "/v1/admin/stats", 404, reason.RouteNotFound, ""},
		{"GET", "/v1/torrents/xyz", 400, reason.HashMalformed, ""},
		{"GET", "/v1/torrents/xyz/info", 400, reason.HashMalformed, ""},
		{"GET", "/v1/torrents/" + unknownHash, 404, reason.TorrentNotFound, ""},
		{"GET", "/v1/torrents/" + unknownHash + "/info", 404, reason.TorrentNotFound, ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			got := d.do(c.method, c.path, "")
			if c.method == "HEAD" {
				if got.StatusCode != c.status {
					t.Errorf("status %d", got.StatusCode)
				}
			} else {
				wantError(t, got, c.status, c.reason)
			}
			if got.Header.Get("Allow") != c.allow {
				t.Errorf("Allow %q", got.Header.Get("Allow"))
			}
		})
	}
}

func TestEveryReasonThroughJSONAndRaw(t *testing.T) {
	for _, c := range []struct{ name, method, path, header, body string }{
		{"JSON upload", "POST", "/v1/torrents", asJSON, inJSON(knownTorrent)},
		{"raw upload", "POST", "/v1/torrents", asTorrent, string(knownTorrent)},
		{"JSON get", "GET", "/v1/torrents/" + knownHash, "Accept: application/json", ""},
		{"raw get", "GET", "/v1/torrents/" + knownHash, "Accept: application/x-bittorrent", ""},
		{"describe", "GET", "/v1/torrents/" + knownHash + "/info", "", ""},
	} {
		d := newDoor(t)
		for _, r := range reason.All() {
			t.Run(c.name+" "+string(r), func(t *testing.T) {
				d.cache.failWith(reason.New(r, "because"))
				got := d.do(c.method, c.path, c.body, c.header)
				if message := wantError(t, got, r.Answer().JSON, r); message != "because" {
					t.Errorf("message %q", message)
				}
				retry := r.Answer().Retry > 0
				if (got.Header.Get("Retry-After") != "") != retry {
					t.Errorf("status %d with Retry-After %q", got.StatusCode, got.Header.Get("Retry-After"))
				}
				if (got.Header.Get("WWW-Authenticate") != "") != (got.StatusCode == 401) {
					t.Errorf("status %d with WWW-Authenticate %q", got.StatusCode, got.Header.Get("WWW-Authenticate"))
				}
			})
		}
	}
}

func TestOnlyCredentialsBecomeMetadata(t *testing.T) {
	for _, c := range []struct{ name, method, path, header, body string }{
		{"JSON", "POST", "/v1/torrents", asJSON, inJSON(knownTorrent)},
		{"raw", "POST", "/v1/torrents", asTorrent, string(knownTorrent)},
		{"download", "GET", "/torrent/" + knownHash, "", ""},
		{"describe", "GET", "/v1/torrents/" + knownHash + "/info", "", ""},
		{"page", "GET", "/info/" + knownHash, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDoor(t)
			got := d.do(c.method, c.path, c.body, c.header, "Authorization: Bearer secret",
				"Grpc-Metadata-Role: admin", "Grpc-Metadata-Authorization: Bearer other", "Grpc-Timeout: bad",
				"X-Forwarded-For: 1.2.3.4", "Cookie: a=b", "TE: trailers", "X-Http-Method-Override: DELETE")
			if got.StatusCode >= 300 {
				t.Fatalf("%d %s", got.StatusCode, got.body)
			}
			md := d.cache.lastMetadata()
			if creds := md.Get("authorization"); len(creds) != 1 || creds[0] != "Bearer secret" {
				t.Errorf("credentials %q", creds)
			}
			for key, values := range md {
				all := key + strings.Join(values, " ")
				if strings.Contains(all, "admin") || strings.Contains(all, "1.2.3.4") || strings.Contains(all, "a=b") {
					t.Errorf("the client set metadata %s: %q", key, values)
				}
			}
			for key := range got.Header {
				if strings.HasPrefix(key, "Grpc-") {
					t.Errorf("metadata leaks as header %s", key)
				}
			}
		})
	}
}

func TestCredentialsThatGRPCCannotCarryAreLeftOut(t *testing.T) {
	d := newDoor(t)
	for _, path := range []string{"/torrent/" + knownHash, "/v1/torrents/" + knownHash} {
		if got := d.do("GET", path, "", "Authorization: Bearer é"); got.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
}
