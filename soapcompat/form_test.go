package soapcompat_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// partOf is a part of a form with boundary b, headers as given.
func partOf(disposition, content string) string {
	return "--b\r\nContent-Disposition: " + disposition + "\r\n\r\n" + content + "\r\n"
}

func TestFormsInEverySpelling(t *testing.T) {
	const file = `form-data; name="torrent"; filename="my.torrent"`
	usual := partOf(file, torrent) + "--b--\r\n"
	cases := []struct{ name, contentType, body string }{
		{"file", "multipart/form-data; boundary=b", usual},
		{"text", "multipart/form-data; boundary=b", partOf(`form-data; name="torrent"`, torrent) + "--b--\r\n"},
		{"after other fields", "multipart/form-data; boundary=b",
			partOf(`form-data; name="MAX_FILE_SIZE"`, "100") + partOf(`form-data; name="file"; filename="a"`, "b") + usual},
		{"before other fields", "multipart/form-data; boundary=b",
			partOf(file, torrent) + partOf(`form-data; name="submit"`, "Go") + "--b--\r\n"},
		{"the last of two", "multipart/form-data; boundary=b", partOf(file, "first") + usual},
		{"beside an empty file field", "multipart/form-data; boundary=b",
			partOf(file, torrent) + partOf(`form-data; name="torrent"; filename=""`, "") + "--b--\r\n"},
		{"bare names", "multipart/form-data; boundary=b", partOf(`form-data; filename=my file.torrent; name=torrent`, torrent) + "--b--"},
		{"single quotes", "multipart/form-data; boundary=b", partOf(`form-data; name='torrent'; filename='a'`, torrent) + "--b--"},
		{"upper case", "Multipart/Form-Data; Boundary=b", partOf(`Form-Data; Name="torrent"; FileName="a"`, torrent) + "--b--"},
		{"another disposition", "multipart/form-data; boundary=b", partOf(`attachment; name="torrent"; filename="a"`, torrent) + "--b--"},
		{"file name in Latin-1", "multipart/form-data; boundary=b", partOf("form-data; name=\"torrent\"; filename=\"\xe9\xff.torrent\"", torrent) + "--b--"},
		{"file name in UTF-8", "multipart/form-data; boundary=b", partOf(`form-data; filename="文件.torrent"; name="torrent"`, torrent) + "--b--"},
		{"file name with a path", "multipart/form-data; boundary=b", partOf(`form-data; filename="C:\dir\a.torrent"; name="torrent"`, torrent) + "--b--"},
		{"file name with traps", "multipart/form-data; boundary=b", partOf(`form-data; filename="a;\"; name=\"x\";"; name="torrent"`, torrent) + "--b--"},
		{"file name by RFC 5987", "multipart/form-data; boundary=b", partOf(`form-data; name="torrent"; filename*=UTF-8''%e6%96`, torrent) + "--b--"},
		{"lines end in LF", "multipart/form-data; boundary=b", strings.ReplaceAll(usual, "\r\n", "\n")},
		{"text before and after", "multipart/form-data; boundary=b", "preamble\r\n" + usual + "epilogue"},
		{"quoted boundary", `multipart/form-data; charset=utf-8; boundary="b"`, usual},
		{"bare boundary with =", "multipart/form-data; boundary=----=_Part_3", strings.ReplaceAll(usual, "--b", "------=_Part_3")},
		{"quoted-printable is not decoded", "multipart/form-data; boundary=b",
			"--b\r\nContent-Disposition: " + file + "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + torrent + "\r\n--b--"},
		{"the old RFC's example", "multipart/form-data, boundary=b", usual},
		{"no hyphens behind the last boundary", "multipart/form-data; boundary=b", strings.Replace(usual, "--b--", "--b", 1)},
		{"lines that are no headers", "multipart/form-data; boundary=b", strings.ReplaceAll(usual, "torrent\"\r\n", "torrent\"\r\nno header\r\n: no name\r\n")},
		{"header of two lines", "multipart/form-data; boundary=b", strings.Replace(usual, "; filename", ";\r\n filename", 1)},
		{"percent-encoded", "application/x-www-form-urlencoded", "a=b&torrent=" + url.QueryEscape(torrent) + "&submit=Go"},
		{"the file itself", "application/x-bittorrent", torrent},
	}
	for _, path := range []string{"/autoupload.php", "/upload.php"} {
		for _, c := range cases {
			t.Run(path+" "+c.name, func(t *testing.T) {
				f := &fakeBackend{}
				got := post(newHandler(t, f), path, c.contentType, c.body)
				if sent, _ := f.got(); sent != torrent || got.status != http.StatusOK || !strings.Contains(got.body, hashV1) {
					t.Errorf("the backend got %q; answered %d %s", sent, got.status, got.body)
				}
			})
		}
	}
}

func TestFormsWithoutATorrent(t *testing.T) {
	const multipart = "multipart/form-data; boundary=b"
	const file = `form-data; name="torrent"; filename="my.torrent"`
	cases := []struct {
		name, contentType, body string
		status                  int
		begins                  string
	}{
		{"no field", multipart, partOf(`form-data; name="file"; filename="a"`, torrent) + "--b--", 200, "Error 110: "},
		{"no file chosen", multipart, partOf(`form-data; name="torrent"; filename=""`, "") + "--b--", 200, "Error 110: "},
		{"no fields", multipart, "--b--\r\n", 200, "Error 110: "},
		{"no body", multipart, "", 200, "Error 110: "},
		{"no body, no type", "", "", 200, "Error 110: "},
		{"empty file", multipart, partOf(file, "") + "--b--", 200, "Error 111: "},
		{"empty text", multipart, partOf(`form-data; name="torrent"`, "") + "--b--", 200, "Error 111: "},
		{"too large a file", multipart, partOf(file, strings.Repeat("x", maxTorrentSize+1)) + "--b--", 413, "Error 115: "},
		{"too much beside it", multipart, partOf(file, torrent) + partOf(`form-data; name="a"`, strings.Repeat("x", maxTorrentSize+70_000)) + "--b--", 413, "Error 115: "},
		{"no end", multipart, partOf(file, torrent), 200, "Error 110: "},
		{"end in the file", multipart, partOf(file, torrent)[:100], 200, "Error 110: "},
		{"another boundary", "multipart/form-data; boundary=c", partOf(file, torrent) + "--b--", 200, "Error 110: "},
		{"no boundary", "multipart/form-data", partOf(file, torrent) + "--b--", 200, "Error 110: "},
		{"a boundary without an end", `multipart/form-data; boundary="b`, partOf(file, torrent) + "--b--", 200, "Error 110: "},
		{"very many fields", multipart, strings.Repeat(partOf(`form-data; name="a"`, ""), 1500) + "--b--", 200, "Error 110: "},
		{"percent-encoded, no field", "application/x-www-form-urlencoded", "a=b", 200, "Error 110: "},
		{"percent-encoded, empty", "application/x-www-form-urlencoded", "torrent=", 200, "Error 111: "},
		{"percent-encoded, broken", "application/x-www-form-urlencoded", "torrent=%zz", 200, "Error 112: "},
		{"the file itself, too large", "application/x-bittorrent", strings.Repeat("x", maxTorrentSize+1), 413, "Error 115: "},
		{"JSON", "application/json", `{"torrent":""}`, 200, "Error 110: "},
		{"no type", "", torrent, 200, "Error 110: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeBackend{}
			got := post(newHandler(t, f), "/autoupload.php", c.contentType, c.body)
			if got.status != c.status || !strings.HasPrefix(got.body, c.begins) {
				t.Errorf("answered %d %q, want %d %q", got.status, got.body, c.status, c.begins)
			}
			checkErrorHeader(t, got)
			if sent, any := f.got(); any {
				t.Errorf("the backend got %q", sent)
			}
		})
	}
}

func TestLargestTorrentPasses(t *testing.T) {
	largest := strings.Repeat("x", maxTorrentSize)
	f := &fakeBackend{}
	contentType, body := formOf("torrent", largest)
	got := post(newHandler(t, f), "/autoupload.php", contentType, body)
	if sent, _ := f.got(); got.status != http.StatusOK || sent != largest {
		t.Errorf("answered %d %q", got.status, got.body)
	}
}

func TestCredentialsGoAlong(t *testing.T) {
	backend := &fakeBackend{}
	r := httptest.NewRequest(http.MethodPost, "/autoupload.php",
		strings.NewReader(partOf(`form-data; name="torrent"; filename="a"`, torrent)+"--b--"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("Grpc-Metadata-Authorization", "Bearer other")
	do(newHandler(t, backend), r)
	if len(backend.credentials) != 1 || backend.credentials[0] != "Bearer secret" {
		t.Errorf("the backend got %q", backend.credentials)
	}
}

func TestOtherMethods(t *testing.T) {
	h := newHandler(t, &fakeBackend{})
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		got := do(h, httptest.NewRequest(method, "/autoupload.php", nil))
		if got.status != http.StatusOK || !strings.HasPrefix(got.body, "Error 110: ") || got.header.Get("X-Torrage-Error-Msg") == "" {
			t.Errorf("%s /autoupload.php: %+v", method, got)
		}
	}
	if got := do(h, httptest.NewRequest(http.MethodGet, "/upload.php", nil)); got.status != http.StatusOK || !strings.Contains(got.body, `type="file"`) {
		t.Errorf("GET /upload.php: %+v", got)
	}
	for _, path := range []string{"/autoupload.php", "/upload.php", "/api/index.php", "/api/torrage.wsdl", "/api/soap", "/api/cache.wsdl"} {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
			got := do(h, httptest.NewRequest(method, path, strings.NewReader(torrent)))
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, HEAD, POST" {
				t.Errorf("%s %s: %+v", method, path, got)
			}
		}
	}
}
