package soapcompat_test

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
	xmlDoc = `<?xml version="1.0" encoding="UTF-8"?>`
)

var encodedTorrent = base64.StdEncoding.EncodeToString([]byte(torrent))

// envelope puts body into a SOAP 1.1 envelope.
func envelope(body string) string {
	return xmlDoc + `<s:Envelope xmlns:s="` + soap11 + `"><s:Body>` + body + `</s:Body></s:Envelope>`
}

// callOf returns the usual call with text as the content of its part.
func callOf(text string) string {
	return envelope(`<n:cacheTorrent xmlns:n="urn:xmethods-delayed-quotes"><torrent>` + text + `</torrent></n:cacheTorrent>`)
}

// result returns the text of the Result element of a SOAP answer.
func result(t testing.TB, a answer) string {
	t.Helper()
	var e struct {
		Body struct {
			Response struct {
				Result string
			} `xml:"cacheTorrentResponse"`
		}
	}
	if err := xml.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return e.Body.Response.Result
}

func TestCallsInEverySpelling(t *testing.T) {
	lines := regexp.MustCompile(`.{1,76}`)
	cases := []struct{ name, body string }{
		{"default namespace", envelope(`<cacheTorrent xmlns="urn:Torrage"><torrent>` + encodedTorrent + `</torrent></cacheTorrent>`)},
		{"no namespace", envelope(`<cacheTorrent><torrent>` + encodedTorrent + `</torrent></cacheTorrent>`)},
		{"undeclared prefix", envelope(`<x:cacheTorrent><torrent>` + encodedTorrent + `</torrent></x:cacheTorrent>`)},
		{"part in a namespace", envelope(`<c:cacheTorrent xmlns:c="urn:c"><c:torrent>` + encodedTorrent + `</c:torrent></c:cacheTorrent>`)},
		{"part by its place", envelope(`<c:cacheTorrent xmlns:c="urn:c"><c-gensym3>` + encodedTorrent + `</c-gensym3></c:cacheTorrent>`)},
		{"part after another", envelope(`<cacheTorrent><key>1</key><torrent>` + encodedTorrent + `</torrent></cacheTorrent>`)},
		{"part before another", envelope(`<cacheTorrent><torrent>` + encodedTorrent + `</torrent><key>1</key></cacheTorrent>`)},
		{"another letter case", strings.ReplaceAll(callOf(encodedTorrent), "cacheTorrent", "CACHEtorrent")},
		{"the name of the message", strings.ReplaceAll(callOf(encodedTorrent), "cacheTorrent", "cacheTorrentRequest")},
		{"behind the call", envelope(`<c:cacheTorrent xmlns:c="urn:c"><torrent href="#id0"/></c:cacheTorrent><multiRef id="x">QUJD</multiRef><multiRef id="id0">` + encodedTorrent + `</multiRef>`)},
		{"XML 1.1", strings.Replace(callOf(encodedTorrent), `"1.0"`, `"1.1"`, 1)},
		{"XML 1.1 in single quotes", strings.Replace(callOf(encodedTorrent), `"1.0"`, `'1.1'`, 1)},
		{"anything behind the envelope", callOf(encodedTorrent) + "\x00 junk <a>"},
		{"SOAP 1.2", strings.ReplaceAll(callOf(encodedTorrent), soap11, soap12)},
		{"CDATA", callOf("<![CDATA[" + encodedTorrent + "]]>")},
		{"CDATA among text", callOf("\n<![CDATA[" + encodedTorrent[:40] + "]]>\n" + encodedTorrent[40:])},
		{"comment in the text", callOf(encodedTorrent[:40] + "<!-- here -->" + encodedTorrent[40:])},
		{"LF every 76", callOf(lines.ReplaceAllString(encodedTorrent, "$0\n"))},
		{"CR LF every 76", callOf(lines.ReplaceAllString(encodedTorrent, "$0\r\n"))},
		{"CR as a reference", callOf(lines.ReplaceAllString(encodedTorrent, "$0&#13;\n"))},
		{"indented", callOf("\n    " + lines.ReplaceAllString(encodedTorrent, "$0\n\t "))},
		{"without padding", callOf(strings.TrimRight(encodedTorrent, "="))},
		{"no declaration", strings.TrimPrefix(callOf(encodedTorrent), xmlDoc)},
		{"byte order mark", "\xef\xbb\xbf" + callOf(encodedTorrent)},
		{"ISO-8859-1", strings.Replace(callOf(encodedTorrent), "UTF-8", "ISO-8859-1", 1) + "<!-- \xe9 -->"},
		{"windows-1252", strings.Replace(callOf(encodedTorrent), "UTF-8", "windows-1252", 1) + "<!-- \x80 -->"},
		{"US-ASCII", strings.Replace(callOf(encodedTorrent), "UTF-8", "US-ASCII", 1)},
		{"UTF-16LE with a mark", "\xff\xfe" + utf16LE(strings.Replace(callOf(encodedTorrent), "UTF-8", "UTF-16", 1))},
		{"UTF-16LE without", utf16LE(strings.Replace(callOf(encodedTorrent), "UTF-8", "utf-16le", 1))},
		{"UTF-16BE with a mark", "\xfe\xff" + swap(utf16LE(strings.Replace(callOf(encodedTorrent), "UTF-8", "UTF-16", 1)))},
		{"headers", strings.Replace(callOf(encodedTorrent), "<s:Body>", `<s:Header><a b="c"><d/></a><e s:mustUnderstand="0"/></s:Header><s:Body>`, 1)},
		{"comments and instructions", strings.Replace(callOf(encodedTorrent), "<s:Body>", `<!-- a --><?b c?> <s:Body>`, 1)},
		{"encodingStyle and types", envelope(`<n:cacheTorrent s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/" xmlns:n="urn:n">` +
			`<torrent xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xsd:string">` + encodedTorrent + `</torrent></n:cacheTorrent>`)},
	}
	for _, path := range []string{"/api/index.php", "/api/torrage.wsdl", "/api/soap", "/api/cache.wsdl"} {
		for _, c := range cases {
			t.Run(path+" "+c.name, func(t *testing.T) {
				f := &fakeBackend{}
				got := post(newHandler(t, f), path, "text/xml; charset=utf-8", c.body)
				if sent, _ := f.got(); sent != torrent || got.status != http.StatusOK || result(t, got) != hashV1 {
					t.Errorf("the backend got %q; answered %d %s", sent, got.status, got.body)
				}
			})
		}
	}
}

func utf16LE(s string) string {
	var out strings.Builder
	for i := range len(s) {
		out.WriteString(s[i:i+1] + "\x00")
	}
	return out.String()
}

func swap(s string) string {
	b := []byte(s)
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return string(b)
}

// None of these requests carries bytes that could be a torrent. The answer is 200 and a code.
func TestCallsWithoutATorrent(t *testing.T) {
	const xsi = ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"`
	cases := []struct{ name, body, want string }{
		{"no part", envelope(`<cacheTorrent></cacheTorrent>`), "110"},
		{"no part, empty tag", envelope(`<cacheTorrent/>`), "110"},
		{"empty part", callOf(""), "111"},
		{"empty tag", envelope(`<cacheTorrent><torrent/></cacheTorrent>`), "111"},
		{"nil", envelope(`<cacheTorrent><torrent` + xsi + `/></cacheTorrent>`), "111"},
		{"only white space", callOf(" \n\t"), "111"},
		{"only padding", callOf("=="), "111"},
		{"not base64", callOf("d8:announce"), "112"},
		{"one digit too many", callOf("QUJDQ"), "112"},
		{"data after padding", callOf("QQ==QUJD"), "112"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeBackend{}
			got := post(newHandler(t, f), "/api/index.php", "text/xml", c.body)
			if got.status != http.StatusOK || result(t, got) != c.want {
				t.Errorf("answered %d %s, want 200 and %s", got.status, got.body, c.want)
			}
			if got.header.Get("X-Torrage-Error-Msg") == "" {
				t.Error("the answer does not say why")
			}
			if sent, any := f.got(); any {
				t.Errorf("the backend got %q", sent)
			}
		})
	}
}
