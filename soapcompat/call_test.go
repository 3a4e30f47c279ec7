package soapcompat

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// understood is all that becomes of a call, but for where the base64 in it is wrong: line
// breaks count there as they are in the document, or as encoding/xml makes them.
func understood(c call, err error) string {
	if f, ok := errors.AsType[*fault](err); ok {
		return fmt.Sprintf("%s %t %q: %s", c.version, c.known, f.code, f.text)
	}
	if err != nil {
		return fmt.Sprintf("%s %t %v", c.version, c.known, err)
	}
	if c.invalid != nil {
		return fmt.Sprintf("%s %t %s", c.version, c.known, c.invalid.Reason)
	}
	return fmt.Sprintf("%s %t %t %q", c.version, c.known, c.request.Torrent == nil, c.request.Torrent)
}

// FuzzCut holds that plainCall understands alike every document that cutCall understands, and that
// cutCall leaves all other documents unchanged for plainCall.
func FuzzCut(f *testing.F) {
	files, err := filepath.Glob("testdata/requests/*.http")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d recorded requests, %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if _, body, _ := strings.Cut(string(raw), "\r\n\r\n"); strings.Contains(body, "<") {
			f.Add(body)
		}
	}
	for _, text := range []string{
		"ZDg6\r\nYW5u\r\n", "ZDg6&#13;&#10;YW5u&#x0a;b3Vu", "<![CDATA[ZDg6]]>YW<!-- -->5u<b>x</b>ZDg6", "ZDg6]]&gt;", "a]]>b", "<![CDATA[QQ=Q]]> ", "Q\r\n=Q", "]]]]", "&bad", "&lt;&amp;",
		"QQ==QQ", "Q=Q", "QUJDQ", "====", "QQ=", "\u00e9\u20ac\U0001f600", "\xff\xfe", "<![CDATA[]]]]><![CDATA[>]]>", "<![CDATA[a&b;<c>\r\n]]>", "<![CDATA[ZDg6",
		mark, "&#61;mark=" + mark, "<!-- > QUJDQUJD <x-->" + mark, "ZDg6  YW5u\t\n b3Vu=\n=", "<![CDATA[ ZDg6\r\nYW5u]]> ", "<a>QUJDQUJDQUJD</a>ZDg6",
		"ZDg6</torrent><torrent>YW5u", "ZDg6</torrent><torrent/><torrent>Q", strings.Repeat("ZDg6YW5u\n", 40), "<!--" + strings.Repeat("x", maxTag) + "-->",
	} {
		for _, v := range []version{soap11, soap12} {
			f.Add(fmt.Sprintf(`<e:Envelope xmlns:e=%q><e:Body><cacheTorrent><torrent>%s</torrent></cacheTorrent></e:Body></e:Envelope>`, v, text))
		}
	}
	f.Fuzz(func(t *testing.T, document string) {
		plain := understood(plainCall(strings.NewReader(document), []byte{}))
		inPlace := []byte(document)
		if got := understood(plainCall(bytes.NewReader(inPlace), inPlace)); got != plain {
			t.Errorf("in place: %s\nplain: %s", got, plain)
		}
		whole := []byte(document)
		c, ok := cutCall(whole)
		if ok && understood(c, nil) != plain {
			t.Errorf("cut: %s\nplain: %s", understood(c, nil), plain)
		}
		if !ok && string(whole) != document {
			t.Errorf("the document was changed to %q", whole)
		}
	})
}

// Calls are cut as the usual clients send them, and when the torrent is in CDATA.
func TestUsualCallsAreCut(t *testing.T) {
	calls := map[string]string{}
	for _, client := range []string{"npm-soap", "perl-soaplite", "php-literal", "php-nowsdl", "php-soap", "python-suds", "python-zeep-literal", "python-zeep"} {
		request, err := os.ReadFile(filepath.Join("testdata", "requests", client+".http"))
		if err != nil {
			t.Fatal(err)
		}
		_, calls[client], _ = strings.Cut(string(request), "\r\n\r\n")
	}
	const call = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><cacheTorrent><torrent>`
	const digits, end = "ZDg6YW5ub3VuY2U4Omh0dHA6Ly94NDppbmZv", "</torrent></cacheTorrent></e:Body></e:Envelope>"
	calls["CDATA"] = call + "\n<![CDATA[" + digits + "]]>\n" + end
	calls["byte order mark"] = utf8Mark + call + digits + end
	for name, body := range calls {
		if c, ok := cutCall([]byte(body)); !ok || !c.known || c.invalid != nil || !bytes.HasPrefix(c.request.Torrent, []byte("d8:announce")) {
			t.Errorf("%s: %t %s", name, ok, understood(c, nil))
		}
	}
}
