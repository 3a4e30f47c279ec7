package soapcompat_test

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"
)

func TestFaultsForWhatIsNoCall(t *testing.T) {
	call := callOf(encodedTorrent)
	cases := []struct{ name, body, code string }{
		{"nothing", "", "SOAP-ENV:Client"},
		{"no XML", "torrent=abc", "SOAP-ENV:Client"},
		{"another document", "<a/>", "SOAP-ENV:VersionMismatch"},
		{"another envelope", strings.ReplaceAll(call, soap11, "urn:soap"), "SOAP-ENV:VersionMismatch"},
		{"envelope without namespace", strings.ReplaceAll(call, ` xmlns:s="`+soap11+`"`, ""), "SOAP-ENV:VersionMismatch"},
		{"no body", strings.ReplaceAll(call, "s:Body", "s:Corpse"), "SOAP-ENV:Client"},
		{"empty body", envelope(""), "SOAP-ENV:Client"},
		{"another procedure", strings.ReplaceAll(call, "cacheTorrent", "dropTorrent"), "SOAP-ENV:Client"},
		{"header to be understood", strings.Replace(call, "<s:Body>", `<s:Header><a s:mustUnderstand="1"/></s:Header><s:Body>`, 1), "SOAP-ENV:MustUnderstand"},
		{"cut short", call[:len(call)-20], "SOAP-ENV:Client"},
		{"cut in the torrent", call[:200], "SOAP-ENV:Client"},
		{"tags crossed", strings.Replace(call, "</torrent></n:cacheTorrent>", "</n:cacheTorrent></torrent>", 1), "SOAP-ENV:Client"},
		{"raw torrent in the part", callOf("\x00\x01\xff"), "SOAP-ENV:Client"},
		{"DTD", strings.Replace(call, xmlDoc, xmlDoc+`<!DOCTYPE a SYSTEM "file:///etc/passwd">`, 1), "SOAP-ENV:Client"},
		{"entities", strings.Replace(callOf("&b;"), xmlDoc, xmlDoc+`<!DOCTYPE a [<!ENTITY b "QUJD">]>`, 1), "SOAP-ENV:Client"},
		{"entity without DTD", callOf("&b;"), "SOAP-ENV:Client"},
		{"unknown encoding", strings.Replace(call, "UTF-8", "klingon", 1), "SOAP-ENV:Client"},
		{"deep nesting", callOf(strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40)), "SOAP-ENV:Client"},
		{"long tag", callOf("<a " + strings.Repeat(`b="" `, 14_000) + "/>"), "SOAP-ENV:Client"},
		{"long comment", "<!--" + strings.Repeat("c", 70_000) + "-->" + call, "SOAP-ENV:Client"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeBackend{}
			got := post(newHandler(t, f), "/api/index.php", "text/xml", c.body)
			if code := faultCode(t, got); got.status != http.StatusInternalServerError || code != c.code {
				t.Errorf("answered %d %q, want 500 %q: %s", got.status, code, c.code, got.body)
			}
			checkErrorHeader(t, got)
			if sent, any := f.got(); any {
				t.Errorf("the backend got %q", sent)
			}
		})
	}
}

func faultCode(t *testing.T, a answer) string {
	t.Helper()
	var e struct {
		Body struct {
			Fault struct {
				Code   string `xml:"faultcode"`
				Reason string `xml:"faultstring"`
			}
		}
	}
	if err := xml.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	if e.Body.Fault.Reason == "" {
		t.Errorf("the fault does not say why: %s", a.body)
	}
	return e.Body.Fault.Code
}

func TestFaultsHaveTheShapeOfPHP(t *testing.T) {
	h := newHandler(t, &fakeBackend{})
	mustUnderstand := strings.Replace(callOf(""), "<s:Body>", `<s:Header><a s:mustUnderstand="1"/></s:Header><s:Body>`, 1)
	for name, body := range map[string]string{
		"php-fault-version.xml":    "<a/>",
		"php-fault-header-1.1.xml": mustUnderstand,
	} {
		if got := post(h, "/api/index.php", "text/xml", body); got.body != golden(t, name) {
			t.Errorf("%s: answered\n%s\nwant\n%s", name, got.body, golden(t, name))
		}
	}
}

func TestFaultsOfSOAP12(t *testing.T) {
	h := newHandler(t, &fakeBackend{})
	call := strings.ReplaceAll(callOf(encodedTorrent), soap11, soap12)
	cases := []struct{ name, body, want string }{
		{"broken", call[:len(call)-5], `<env:Code><env:Value>env:Sender</env:Value></env:Code>`},
		{"header", strings.Replace(call, "<s:Body>", `<s:Header><a s:mustUnderstand="true"/></s:Header><s:Body>`, 1),
			`<env:Code><env:Value>env:MustUnderstand</env:Value></env:Code>`},
		{"procedure", strings.ReplaceAll(call, "cacheTorrent", "a"), `<env:Value xmlns:rpc="http://www.w3.org/2003/05/soap-rpc">rpc:ProcedureNotPresent</env:Value>`},
		{"no envelope", "", `<env:Code><env:Value>env:Sender</env:Value></env:Code>`},
	}
	for _, c := range cases {
		got := post(h, "/api/index.php", "application/soap+xml", c.body)
		if got.status != http.StatusInternalServerError || !strings.Contains(got.body, c.want) || !strings.Contains(got.body, soap12) {
			t.Errorf("%s: answered %d %s", c.name, got.status, got.body)
		}
		if ct := got.header.Get("Content-Type"); ct != "application/soap+xml; charset=utf-8" {
			t.Errorf("%s: type %q", c.name, ct)
		}
	}
}

// The content of a document matters more than its content type.
func TestContentTypeOfACall(t *testing.T) {
	h := newHandler(t, &fakeBackend{})
	for _, contentType := range []string{"", "text/xml", "application/xml", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream"} {
		if got := post(h, "/api/index.php", contentType, callOf(encodedTorrent)); got.status != http.StatusOK {
			t.Errorf("a call as %q: %d %s", contentType, got.status, got.body)
		}
	}
	for _, contentType := range []string{"application/json", "multipart/form-data; boundary=a", "multipart/related; boundary=a"} {
		if got := post(h, "/api/index.php", contentType, `{"torrent":"ZDE="}`); got.status != http.StatusUnsupportedMediaType {
			t.Errorf("no XML as %q: %d %s", contentType, got.status, got.body)
		}
	}
}

// MTOM is told apart from an envelope of another version.
func TestMultipartIsNamed(t *testing.T) {
	f := &fakeBackend{}
	got := post(newHandler(t, f), "/api/soap", `multipart/related; type="application/xop+xml"; boundary=b`, "--b\r\n\r\n"+callOf(encodedTorrent)+"\r\n--b--")
	if got.status != http.StatusUnsupportedMediaType || !strings.Contains(got.body, "base64 in the envelope") {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}
