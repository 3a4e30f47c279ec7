//go:build e2e

package test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// TestAsLenientAsPHP sends the same bytes to a server and to PHP. It fails where PHP receives the
// torrent and the server does not answer with its info hash.
func TestAsLenientAsPHP(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	torrent := torrenttest.Random(78, 700)
	judge := startPHP(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &generator{rand.New(rand.NewPCG(seed, 0))}
	uploads := &uploads{g, torrent}
	t.Run("form", func(t *testing.T) { uploads.compare(t, s.HTTP, judge, 3000, uploads.form) })
	t.Run("SOAP", func(t *testing.T) { uploads.compare(t, s.HTTP, judge, 2000, uploads.soap) })
}

// startPHP runs PHP's own web server with judge.php until the test ends, and returns its
// address.
func startPHP(t *testing.T) string {
	t.Helper()
	wsdl, err := filepath.Abs("../soapcompat/torrage.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddress(t)
	cmd := exec.Command("php", "-d", "display_errors=0", "-d", "log_errors=0", "-S", addr, "legacy/judge.php")
	cmd.Env = append(os.Environ(), "WSDL="+wsdl)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return addr
		}
		if time.Since(begun) > patience {
			t.Fatal("php does not come up")
		}
	}
}

// uploads makes uploads of a torrent that are nearly correct.
type uploads struct {
	*generator
	torrent []byte
}

// compare sends n requests that make returns to both servers.
func (u *uploads) compare(t *testing.T, address, judge string, n int, make func() (path, header, body string)) {
	digest := md5.Sum(u.torrent)
	want, hash := hex.EncodeToString(digest[:]), hashOfTorrent(t, u.torrent)
	taken, failed := 0, 0
	for range n {
		path, header, body := make()
		raw := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: cache.example\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s", path, header, len(body), body)
		verdict, ok := exchange(t, judge, raw)
		if !ok || !strings.Contains(string(verdict.body), want) {
			continue
		}
		taken++
		got, _ := exchange(t, address, raw)
		if got.code == 200 && strings.Contains(string(got.body), hash) {
			continue
		}
		if failed++; failed <= 5 {
			t.Errorf("PHP takes, we answer %d %.150q to %q", got.code, got.body, strings.ReplaceAll(raw, string(u.torrent), "TORRENT"))
		}
	}
	t.Logf("PHP took %d of %d, of which %d are refused here", taken, n, failed)
	if taken < n/4 {
		t.Errorf("PHP took only %d of %d: they show nothing", taken, n)
	}
}

// form returns a form upload.
func (u *uploads) form() (path, header, body string) {
	path = "/autoupload.php" + u.rarely(10, "?a=b", "/more", "/more.php?x")
	boundary := u.of("b", "AaB03x", "----WebKitFormBoundaryx", "----=_Part_3", "a'b", "with space", "a.b+c")
	eol := "\r\n"
	if u.IntN(5) == 0 {
		eol = "\n"
	}
	header = u.of("Content-Type", "content-type") + ": " + u.of("multipart/form-data", "multipart/form-data", "Multipart/Form-Data") +
		u.of("; ", ";", ", ", ",", " ; ", "; charset=utf-8; ", "; a=b,") + u.of("boundary", "boundary", "Boundary", "BOUNDARY") + "=" +
		u.of(boundary, boundary, `"`+boundary+`"`) + u.rarely(5, "; charset=utf-8", ", x", ";", `;x="y`) + "\r\n"
	var b strings.Builder
	b.WriteString(u.rarely(8, "preamble"+eol, eol, eol+eol, "--"+boundary+"x"+eol))
	for range u.IntN(2) {
		b.WriteString("--" + boundary + eol + u.partHead("other", eol) + eol + u.of("value", "", "\r\n--x") + eol)
	}
	b.WriteString("--" + boundary + eol + u.partHead("torrent", eol) + eol + string(u.torrent) + eol)
	for range u.IntN(2) {
		b.WriteString("--" + boundary + eol + u.partHead("submit", eol) + eol + "Go" + eol)
	}
	b.WriteString(u.of("--"+boundary+"--"+eol, "--"+boundary+"--"+eol, "--"+boundary+"--", "--"+boundary+eol, "--"+boundary, "--"+boundary+"-"+eol, "--"+boundary+" --"+eol, "--"+boundary+"--"+eol+"epilogue"+eol, "--"+boundary+"--\x00", ""))
	return path, header, b.String()
}

// partHead returns the header of a part, without the empty line after it.
func (u *uploads) partHead(name, eol string) string {
	key := u.of("name", "name", "Name", "NAME")
	named := u.of(key+`="`+name+`"`, key+`="`+name+`"`, key+"="+name, key+"='"+name+"'", key+`= "`+name+`"`)
	file := u.of("filename", "filename", "FileName") + "=" + u.of(`"my.torrent"`, `"my.torrent"`, "my.torrent", `"a;b.torrent"`, `"a\"b.torrent"`, `"C:\dir\x.torrent"`,
		`"it's.torrent"`, `'a"b.torrent'`, "\"\xff\xfe.torrent\"", `"x; name=\"y\""`, `"unclosed`, `" "`, `"a=b"`, `'x; name="y"'`)
	if name != "torrent" && u.IntN(2) == 0 {
		file = ""
	}
	params := []string{u.of("form-data", "form-data", "attachment", "Form-Data", "file"), named}
	if file != "" {
		params = append(params, file)
	}
	if u.IntN(4) == 0 && len(params) > 2 {
		params[1], params[2] = params[2], params[1]
	}
	disposition := strings.Join(params, u.of("; ", ";", " ; ", ";;", ";  ")) + u.rarely(8, ";", "; size=3", "; filename*=UTF-8''a")
	lines := []string{u.of("Content-Disposition", "Content-Disposition", "content-disposition", "CONTENT-DISPOSITION") + u.of(": ", ":", ":   ", " : ") + disposition}
	if u.IntN(2) == 0 {
		lines = append(lines, u.of("Content-Type: application/x-bittorrent", "Content-Type:", "Content-Transfer-Encoding: base64", "Content-Length: 3", "no header",
			": nameless", "X-\x01: y", "X: \xff\x01", " folded", "\tfolded", "Content-Disposition: form-data"))
	}
	if u.IntN(6) == 0 {
		lines = append([]string{u.of("Content-Type: application/x-bittorrent", "no header", "X: y", ": nameless", "(a): b")}, lines...)
	}
	return strings.Join(lines, eol) + eol
}

// soap returns a SOAP call.
func (u *uploads) soap() (path, header, body string) {
	path = "/api/index.php" + u.rarely(10, "?a=b", "/more")
	header = u.of("Content-Type: text/xml; charset=utf-8\r\n", "Content-Type: text/xml\r\n", "Content-Type: application/soap+xml\r\n", "Content-Type: application/xml\r\n", "Content-Type: text/plain\r\n", "",
		"Content-Type: text/xml; charset=\"utf-8\"\r\n", "Content-Type: text/xml;charset=ISO-8859-1\r\n") +
		u.of("SOAPAction: \"urn:xmethods-delayed-quotes#cacheTorrent\"\r\n", "SOAPAction: \"\"\r\n", "SOAPAction:\r\n", "", "SOAPAction: other\r\n")
	p := u.of("SOAP-ENV:", "soap:", "s:", "")
	xmlns := "xmlns:" + strings.TrimSuffix(p, ":")
	if p == "" {
		xmlns = "xmlns"
	}
	text := base64.StdEncoding.EncodeToString(u.torrent)
	switch u.IntN(6) {
	case 0:
		text = strings.TrimRight(text, "=")
	case 1:
		text = lines76(text, u.of("\n", "\r\n", "&#10;", "&#xD;\n", " ", "\t"))
	case 2:
		text = "<![CDATA[" + text + "]]>"
	case 3:
		text = text[:100] + u.of("<!-- a comment -->", "<?pi x?>", "&#43;"[:0], "<![CDATA[]]>") + text[100:]
	}
	n := u.of("ns1:", "m:", "")
	ns := u.of("urn:xmethods-delayed-quotes", "urn:xmethods-delayed-quotes", "urn:Torrage", "", "urn:else")
	operation := u.of("cacheTorrent", "cacheTorrent", "cacheTorrent", "CacheTorrent", "CACHETORRENT", "cachetorrent", "cacheTorrentRequest")
	open := n + operation
	if n == "" {
		open += u.of("", ` xmlns="`+ns+`"`)
	} else {
		open += ` xmlns:` + strings.TrimSuffix(n, ":") + `="` + ns + `"`
	}
	typed := u.of("", ` xsi:type="xsd:string"`, ` xsi:type="xsd:base64Binary"`, ` xsi:type="SOAP-ENC:base64"`, ` id="x"`)
	part := u.of("torrent", "torrent", "torrent", "c-gensym3", "arg0", "Torrent")
	call := "<" + open + u.rarely(3, ` `+p+`encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"`, " ") + "><" + part + typed + ">" + text + "</" + part + u.rarely(5, " ", "\n") + "></" + n + operation + ">"
	if u.IntN(8) == 0 {
		call = "<" + open + `><` + part + ` href="#id0"/></` + n + operation + ">" + `<multiRef id="id0"` + typed + ">" + text + "</multiRef>"
	}
	call = u.rarely(6, "\n", " ", "<!-- c -->") + call + u.rarely(6, "\n", "<!-- c -->", "junk")
	headerBlock := u.rarely(6, "<"+p+"Header/>", "<"+p+"Header><a>b</a></"+p+"Header>", "\n")
	envelope := "<" + p + "Envelope " + xmlns + `="` + u.of("http://schemas.xmlsoap.org/soap/envelope/", "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope") +
		`" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/">` +
		headerBlock + "<" + p + "Body>" + call + "</" + p + "Body>" + u.rarely(10, "\n", " ") + "</" + p + "Envelope>"
	body = u.of(`<?xml version="1.0" encoding="UTF-8"?>`, `<?xml version="1.0"?>`, "<?xml version='1.0' encoding='utf-8' standalone='no'?>\n", `<?xml version="1.1"?>`, `<?xml version="1.0" encoding="ISO-8859-1"?>`, "\xef\xbb\xbf", "", "\n",
		`<?xml version="1.0" encoding="us-ascii"?>`, `<?xml version="1.0" encoding="windows-1252"?>`) + envelope + u.rarely(5, "\n", "\r\n\r\n", "junk", "\x00", "<!-- c -->", "<a/>", " ;")
	return path, header, body
}

// lines76 breaks text into lines of at most 76 characters.
func lines76(text, end string) string {
	var b strings.Builder
	for ; len(text) > 76; text = text[76:] {
		b.WriteString(text[:76] + end)
	}
	return b.String() + text + end
}
