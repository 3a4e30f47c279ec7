package soapcompat

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

const fuzzLimit = 10_000

// plainForm returns a form as programs write it: curl, browsers, PHP, Perl's LWP.
func plainForm(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("--b\r\n" + part + "\r\n")
	}
	return b.String() + "--b--\r\n"
}

const (
	filePart  = "Content-Disposition: form-data; name=\"torrent\"; filename=\"a.torrent\"\r\nContent-Type: application/x-bittorrent\r\n\r\n"
	emptyPart = "Content-Disposition: form-data; name=\"torrent\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n"
	otherPart = "content-disposition:form-data; name=\"submit\" \r\n\r\n"
)

func TestPlainFormsAreCutUp(t *testing.T) {
	for _, c := range []struct{ name, form, want string }{
		{"one file", plainForm(filePart + "d4:infoe"), "d4:infoe"},
		{"without the last line break", strings.TrimSuffix(plainForm(filePart+"d4:infoe"), "\r\n"), "d4:infoe"},
		{"the last one counts", plainForm(filePart+"first", otherPart+"x", filePart+"second", otherPart+"y"), "second"},
		{"none chosen", plainForm(filePart+"first", emptyPart), "first"},
		{"line breaks in it", plainForm(filePart + "\r\n--\r\n\n-b\r\n"), "\r\n--\r\n\n-b\r\n"},
		{"no torrent", plainForm(otherPart + "x"), ""},
	} {
		got, failure := torrentIn([]byte(c.form), []byte("--b"))
		if failure != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v", c.name, got, failure)
		}
		if !endsForm([]byte(c.form), []byte("--b")) {
			t.Errorf("%s: its end is not seen", c.name)
		}
	}
}

// A client that announces more bytes than it sends is answered once its whole form is there.
func TestNothingIsAwaitedAfterTheForm(t *testing.T) {
	for _, form := range []string{plainForm(filePart + "d4:infoe"), plainForm(filePart+"d4:infoe") + "\r\n", "preamble\r\n" + plainForm(filePart+"d4:infoe")} {
		r := httptest.NewRequest(http.MethodPost, "/autoupload.php", nil)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		r.ContentLength = int64(len(form) + 10)
		beyond := readerFunc(func([]byte) (int, error) {
			t.Errorf("%q: more is read", form)
			return 0, io.ErrUnexpectedEOF
		})
		h := &Handler{maxTorrentSize: fuzzLimit}
		got, failure := h.readMultipart(r, plainBody{io.MultiReader(strings.NewReader(form), beyond), r.ContentLength})
		if failure != nil || string(got.torrent) != "d4:infoe" {
			t.Errorf("%q: %q, %v", form, got, failure)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// FuzzMultipart holds that torrentIn finds the same torrent as mime/multipart in every form that
// mime/multipart understands, unless PHP reads the form in another way.
func FuzzMultipart(f *testing.F) {
	for _, form := range []string{
		plainForm(filePart + "d4:infoe"), plainForm(filePart+"first", emptyPart, otherPart), plainForm(otherPart + "x"),
		plainForm(filePart), plainForm("\r\nx"), plainForm(filePart + "x\r\n--bc\r\ny"), plainForm(filePart + "x\r\n--b \r\n"),
		"preamble\r\n" + plainForm(filePart+"x"), plainForm(filePart+"x") + "epilogue", "--b\r\n" + filePart + "cut sh",
		strings.ReplaceAll(plainForm(filePart+"x"), "\r\n", "\n"), plainForm("A: b\r\n c\r\n" + filePart + "x"),
		plainForm("A\r: b\r\n" + filePart + "x"), plainForm(filePart + "--b\r\n"), "--b--\r\n", "--b\r\n--b--\r\n",
	} {
		f.Add([]byte(form))
	}
	f.Fuzz(func(t *testing.T, form []byte) {
		got, failure := torrentIn(form, []byte("--b"))
		if !bytes.Contains(form, got) {
			t.Fatalf("%q holds no %q", form, got)
		}
		want, ok := byLibrary(form)
		if ok && (failure != nil || !bytes.Equal(got, want)) {
			t.Errorf("%q: %q, %v, mime/multipart finds %q", form, got, failure, want)
		}
	})
}

// plainLine is a line of a form that both readers read alike.
var plainLine = regexp.MustCompile(`^(--b(--)?|[A-Za-z-]+: [ -~]*|[a-z0-9:]*)$`)

// byLibrary returns the torrent that mime/multipart finds in form; false if it finds fault, or
// if something in form is read in several ways.
func byLibrary(form []byte) (torrent []byte, ok bool) {
	for line := range strings.SplitSeq(string(form), "\r\n") {
		if !plainLine.MatchString(line) {
			return nil, false
		}
	}
	for r := multipart.NewReader(bytes.NewReader(form), "b"); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return torrent, true
		}
		if err != nil || len(p.Header["Content-Disposition"]) != 1 {
			return nil, false
		}
		content, err := io.ReadAll(p)
		if err != nil {
			return nil, false
		}
		disposition := p.Header.Get("Content-Disposition")
		if holdsTorrent(disposition) && (len(content) > 0 || !isUnchosen(disposition)) {
			torrent = content
		}
	}
}

// FuzzUnescape holds that unescape gives the same results as net/url.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"d1%3aa+e", "%", "%4", "a%zz", "%2B%2b", "a%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := url.QueryUnescape(s)
		if got, ok := unescape([]byte(s)); ok != (err == nil) || string(got) != want {
			t.Errorf("%q is %q, %t; want %q, %v", s, got, ok, want, err)
		}
	})
}
