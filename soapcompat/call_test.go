package soapcompat

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// plainCall reads a call the plain way, which takes several times its memory: no
// text is cut, encoding/xml decodes all of it into the generated type, and base64
// is undone afterwards.
func plainCall(document string) (call, error) {
	var c call
	tokens := newGuard(newSource(toUTF8(bufio.NewReader(strings.NewReader(document)))))
	tokens.source.cutAfter = len(document) + 1
	err := c.readPlainly(xml.NewTokenDecoder(tokens), tokens)
	if err != nil {
		return c, asFault(err)
	}
	if c.request.Torrent != nil {
		c.request.Torrent, c.invalid = plainBase64(c.request.Torrent)
	}
	return c, nil
}

func (c *call) readPlainly(d *xml.Decoder, tokens *guard) error {
	if err := c.readToBody(d); err != nil {
		return err
	}
	start, err := c.readOperation(d)
	if err != nil {
		return err
	}
	tokens.nameNext = part
	start.Name = xml.Name{Space: "urn:torrentcache:v1", Local: operation} // as the type has it
	if err := d.DecodeElement(&c.request, start); err != nil {
		return err
	}
	return readToEnd(d)
}

func plainBase64(text []byte) ([]byte, *reason.Error) {
	digits := bytes.Map(func(r rune) rune {
		if strings.ContainsRune(" \n\r\t", r) {
			return -1
		}
		return r
	}, text)
	out, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(digits), "="))
	if err != nil {
		return nil, reason.New(reason.TorrentInvalid, "The torrent is not base64: %v.", err)
	}
	return out, nil
}

// cutCall reads a call as the server does, cutting text every few bytes.
func cutCall(document string, cutAfter int) (call, error) {
	c := call{text: newBase64Text(int64(len(document)))}
	tokens := newGuard(newSource(toUTF8(bufio.NewReader(strings.NewReader(document)))))
	tokens.source.cutAfter = cutAfter
	if err := c.read(xml.NewTokenDecoder(tokens), tokens); err != nil {
		return c, asFault(err)
	}
	return c, nil
}

// understood is all that becomes of a call.
func understood(c call, err error) string {
	if f, ok := errors.AsType[*fault](err); ok {
		return fmt.Sprintf("%s %t %q: %s", c.version, c.known, f.code, f.text)
	}
	if err != nil || c.invalid != nil {
		return fmt.Sprintf("%s %t %v %v", c.version, c.known, err, c.invalid)
	}
	return fmt.Sprintf("%s %t %t %q", c.version, c.known, c.request.Torrent == nil, c.request.Torrent)
}

// FuzzCutting holds that calls are understood alike whether their text is read
// in pieces or as a whole.
func FuzzCutting(f *testing.F) {
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
			f.Add(body, uint8(5))
		}
	}
	for i, text := range []string{
		"ZDg6\r\nYW5u\r\n", "ZDg6&#13;&#10;YW5u&#x0a;b3Vu", "<![CDATA[ZDg6]]>YW<!-- -->5u<b>x</b>ZDg6", "ZDg6]]&gt;", "a]]>b", "]]]]", "&bad", "&lt;&amp;",
		"QQ==QQ", "Q=Q", "QUJDQ", "====", "QQ=", "\u00e9\u20ac\U0001f600", "\xff\xfe", "<![CDATA[]]]]><![CDATA[>]]>", "<![CDATA[a&b;<c>\r\n]]>", "<![CDATA[ZDg6",
		"ZDg6</torrent><torrent>YW5u", "ZDg6</torrent><torrent/><torrent>Q", strings.Repeat("ZDg6YW5u\n", 40), "<!--" + strings.Repeat("x", maxTag) + "-->",
	} {
		for _, v := range []version{soap11, soap12} {
			f.Add(fmt.Sprintf(`<e:Envelope xmlns:e=%q><e:Body><cacheTorrent><torrent>%s</torrent></cacheTorrent></e:Body></e:Envelope>`, v, text), uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, document string, cutAfter uint8) {
		plain, cut := understood(plainCall(document)), understood(cutCall(document, 1+int(cutAfter)))
		if plain != cut && !brokenTwice(plain, cut) {
			t.Errorf("cut after 1 + %d: %s\nwhole: %s", cutAfter, cut, plain)
		}
	})
}

// brokenTwice reports whether both found the text of a document to be no XML, in
// which case the one that reads in pieces may meet another of its faults first.
func brokenTwice(a, b string) bool {
	const broken = "Bad Request: XML syntax error"
	return strings.Contains(a, broken) && strings.Contains(b, broken)
}
