package soapcompat_test

import (
	"encoding/xml"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds adds the bodies of the recorded requests whose path has the prefix.
func seeds(f *testing.F, prefix string, add func(contentType, coding, body string)) {
	f.Helper()
	files, err := filepath.Glob("testdata/requests/*.http")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d recorded requests, %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		head, body, _ := strings.Cut(string(raw), "\r\n\r\n")
		if strings.HasPrefix(head, "POST "+prefix) {
			add(headerOf(head, "Content-Type"), headerOf(head, "Content-Encoding"), body)
		}
	}
}

func headerOf(head, name string) string {
	for line := range strings.SplitSeq(head, "\r\n") {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return value
		}
	}
	return ""
}

// FuzzSOAP holds for every answer to every body that it is well-formed, that its status and content
// agree, and that the backend is called for a call only.
func FuzzSOAP(f *testing.F) {
	seeds(f, "/api/", func(contentType, coding, body string) { f.Add(contentType, coding, body) })
	f.Add("text/xml", "", envelope(`<cacheTorrent/>`))
	f.Add("text/xml", "", "\xff\xfe"+utf16LE(callOf(encodedTorrent)))
	f.Add("text/xml", "", strings.Replace(callOf("&b;"), xmlDoc, `<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE a [<!ENTITY b "c">]>`, 1))
	f.Add("application/soap+xml", "", strings.ReplaceAll(callOf("<![CDATA[QQ==]]>"), soap11, soap12))
	backend := &fakeBackend{}
	h := newHandler(f, backend)
	f.Fuzz(func(t *testing.T, contentType, coding, body string) {
		backend.forget()
		got := postCoded(h, "/api/index.php", contentType, coding, body)
		var document struct{}
		if err := xml.Unmarshal([]byte(got.body), &document); err != nil {
			t.Fatalf("%v in the answer %q", err, got.body)
		}
		sent, called := backend.got()
		switch got.status {
		case http.StatusOK:
			if code := result(t, got); called != (code == hashV1) || len(code) != 3 && !called {
				t.Errorf("result %q, backend called: %t", code, called)
			}
		case http.StatusInternalServerError, http.StatusUnsupportedMediaType:
			if called || !strings.Contains(got.body, "Fault>") {
				t.Errorf("%d %s, backend called: %t", got.status, got.body, called)
			}
		default:
			t.Errorf("status %d", got.status)
		}
		if called && sent == "" {
			t.Error("the backend got an empty torrent")
		}
	})
}

// FuzzForm holds that a form's torrent reaches the backend as it stands in the
// form, and that every other form gets its error.
func FuzzForm(f *testing.F) {
	seeds(f, "/autoupload.php", func(contentType, _, body string) { f.Add(contentType, body) })
	f.Add("application/x-www-form-urlencoded", "torrent=d1%3aae")
	f.Add("multipart/form-data; boundary=b", partOf(`form-data; filename="a;\"; name=\"x\";"; name="torrent"`, torrent)+"--b--\r\n")
	backend := &fakeBackend{}
	h := newHandler(f, backend)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		backend.forget()
		got := post(h, "/autoupload.php", contentType, body)
		sent, called := backend.got()
		if called {
			encoded := !strings.HasPrefix(strings.ToLower(strings.TrimSpace(contentType)), "multipart/")
			if got.body != hashV1+"\n" || sent == "" || len(sent) > maxTorrentSize || !encoded && !strings.Contains(body, sent) {
				t.Errorf("the backend got %q; answered %q", sent, got.body)
			}
			return
		}
		checkErrorHeader(t, got)
		if !strings.HasPrefix(got.body, "Error 11") || got.header.Get("X-Torrage-Infohash") != "" {
			t.Errorf("answered %d %q", got.status, got.body)
		}
	})
}
