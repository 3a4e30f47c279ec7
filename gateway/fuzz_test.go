package gateway

import (
	"mime"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzDisposition(f *testing.F) {
	for _, title := range []string{"", "a name", "a\r\nSet-Cookie: x", `"; filename="evil.exe`, "../../etc/passwd", "Été\u202e", "\xff\xfe",
		"100%", "%2e%2e%2f", strings.Repeat("ä", 300), ".torrent", "...", "a.torrent.torrent", "=?utf-8?q?x?="} {
		f.Add(title)
	}
	const hash = "0123456789ABCDEF0123456789ABCDEF01234567"
	f.Fuzz(func(t *testing.T, title string) {
		value := disposition(title, hash)
		for i := range len(value) {
			if value[i] < ' ' || value[i] > '~' {
				t.Fatalf("byte %q in %q", value[i], value)
			}
		}
		kind, params, err := mime.ParseMediaType(value)
		if err != nil || kind != "attachment" || len(params) != 1 {
			t.Fatalf("%q: %q %v %v", value, kind, params, err)
		}
		name := params["filename"]
		if !utf8.ValidString(name) || strings.ContainsAny(name, "/\\\"\x00\r\n:*?<>|") || strings.HasPrefix(name, ".") {
			t.Fatalf("file name %q", name)
		}
		if stem, ok := strings.CutSuffix(name, ".torrent"); !ok || stem == "" || len(stem) > maxFileName {
			t.Fatalf("file name %q", name)
		}
	})
}

func FuzzDownloadPath(f *testing.F) {
	const hash = "0123456789abcdef0123456789abcdef01234567"
	for _, path := range []string{"/torrent/" + hash, "/torrent/" + hash + ".torrent.torrent", "/torrent/" + hash + "/x.TORRENT",
		"/torrent/" + hash + "0[a]b.torrent", "/torrent/" + hash + ".torrent?title=%zz", "/torrent/1220" + hash + hash,
		"/torrent/", "/torrent//.torrent", "", "/torrent/.torrent.torrent/.torrent"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		id, name, ok := parseDownloadPath(path)
		if ok == id.IsZero() {
			t.Fatalf("%v with id %q", ok, id)
		}
		if !ok {
			return
		}
		if strings.HasPrefix(name, "/") || len(name) > len(path) {
			t.Fatalf("name %q", name)
		}
		// The address that the service itself writes names the same torrent.
		again, _, ok := parseDownloadPath("/torrent/" + id.String() + ".torrent")
		if !ok || again != id {
			t.Fatalf("%q is %q and then %q", path, id, again)
		}
	})
}

func FuzzQueryTitle(f *testing.F) {
	for _, text := range []string{"a", "a b", "%", "%zz;&", "=", "a+b", "\xff", "title=x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		// Escaped text comes back unchanged. Text that is not escaped becomes no longer.
		if got := queryTitle("x=1&title=" + url.QueryEscape(text)); got != text {
			t.Fatalf("%q became %q", text, got)
		}
		if got := queryTitle("title=" + text); len(got) > len(text) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
