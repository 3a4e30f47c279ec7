package soapcompat_test

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorded returns a request as the named client sent it.
func recorded(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "requests", name+".http"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func golden(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "answers", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// replay sends raw bytes and reads the one answer to them.
func replay(t *testing.T, address string, raw []byte) answer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(raw); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.TransferEncoding != nil || resp.ContentLength < 0 {
		t.Errorf("the answer's length is not told: %d, %v", resp.ContentLength, resp.TransferEncoding)
	}
	return readAnswer(t, resp)
}

// The answers named php-* were recorded from PHP 8.2's SoapServer with our WSDL.
func TestSOAPRequestsAsClientsSendThem(t *testing.T) {
	empty := func(s string) string { return strings.Replace(s, hashV1, "111", 1) }
	literal := "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" +
		`<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body>` +
		`<cacheTorrentResponse xmlns="urn:torrentcache:v1"><Result>` + hashV1 + `</Result></cacheTorrentResponse>` +
		"</SOAP-ENV:Body></SOAP-ENV:Envelope>\n"
	encoded11, encoded12 := golden(t, "php-encoded-1.1.xml"), golden(t, "php-encoded-1.2.xml")
	cases := []struct {
		request     string
		contentType string
		want        string
	}{
		{"php-soap", "text/xml; charset=utf-8", encoded11},
		{"php-soap12-gzip", "application/soap+xml; charset=utf-8", encoded12},
		{"php-nowsdl", "text/xml; charset=utf-8", encoded11},
		{"php-literal", "text/xml; charset=utf-8", literal},
		{"perl-soaplite", "text/xml; charset=utf-8", encoded11},
		{"perl-soaplite-empty", "text/xml; charset=utf-8", empty(encoded11)},
		{"python-zeep", "text/xml; charset=utf-8", encoded11},
		{"python-zeep-literal", "text/xml; charset=utf-8", literal},
		{"python-suds", "text/xml; charset=utf-8", encoded11},
		{"python-suds-empty", "text/xml; charset=utf-8", empty(encoded11)},
		{"npm-soap", "text/xml; charset=utf-8", encoded11},
		{"npm-soap-empty", "text/xml; charset=utf-8", empty(encoded11)},
	}
	for _, c := range cases {
		t.Run(c.request, func(t *testing.T) {
			f := &fakeBackend{}
			got := replay(t, newServer(t, f).Listener.Addr().String(), recorded(t, c.request))
			if got.status != http.StatusOK || got.header.Get("Content-Type") != c.contentType {
				t.Errorf("status %d, type %q; want 200, %q", got.status, got.header.Get("Content-Type"), c.contentType)
			}
			if got.body != c.want {
				t.Errorf("answered\n%s\nwant\n%s", got.body, c.want)
			}
			if sent, any := f.got(); any && sent != torrent {
				t.Errorf("the backend got %q", sent)
			}
		})
	}
}

func TestFormsAsClientsSendThem(t *testing.T) {
	for _, client := range []string{
		"php-raw", "php-curl", "php-pecl", "perl-lwp", "python-urllib", "python-requests", "wget", "curl",
	} {
		t.Run(client, func(t *testing.T) {
			f := &fakeBackend{}
			got := replay(t, newServer(t, f).Listener.Addr().String(), recorded(t, client))
			if got.status != http.StatusOK || got.body != hashV1+"\n" || got.header.Get("X-Torrage-Infohash") != hashV1 {
				t.Errorf("answered %+v", got)
			}
			if sent, _ := f.got(); sent != torrent {
				t.Errorf("the backend got %q", sent)
			}
		})
	}
}
