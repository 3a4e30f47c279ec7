package upstream

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Location{
		"https://cache.example/torrent/{HASH}.torrent": {
			Name: "https://cache.example", Template: "https://cache.example/torrent/{HASH}.torrent", Address: "cache.example:443", TLS: true},
		"http://[::1]/{hash}?a=b%20c&token-file=%2Fetc%2Fkey": {
			Name: "http://[::1]", Template: "http://[::1]/{hash}?a=b%20c", Address: "[::1]:80", TokenFile: "/etc/key"},
		"grpc://127.0.0.1:9090?token-file=key": {
			Name: "grpc://127.0.0.1:9090", Address: "127.0.0.1:9090", GRPC: true, TokenFile: "key"},
		"grpcs://cache.example:9090/?ca=a&cert=b&cert-key=c": {
			Name: "grpcs://cache.example:9090", Address: "cache.example:9090", GRPC: true, TLS: true, CA: "a", Certificate: "b", Key: "c"},
		"https://h/?x={hash}&y=1&token-file=k&z={HASH}": {
			Name: "https://h", Template: "https://h/?x={hash}&y=1&z={HASH}", Address: "h:443", TLS: true, TokenFile: "k"},
	} {
		got, err := Parse(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                         "want http(s)://",
		"cache.example":                            "want http(s)://",
		"ftp://cache.example/{HASH}":               "want http://",
		"https://cache.example/torrent":            "{HASH}",
		"https:///{HASH}":                          "want http(s)://",
		"https://user:secret@h/{HASH}":             "token-file",
		"grpc://cache.example":                     "HOST:PORT",
		"grpc://cache.example:1/path":              "HOST:PORT",
		"grpc://cache.example:1?color=red":         "alone",
		"grpc://cache.example:1?ca=x":              "for https:// and grpcs://",
		"grpcs://cache.example:1?cert=x":           "give both",
		"grpcs://cache.example:1?token-file=":      "name of a file",
		"grpcs://cache.example:1?ca=%zz":           "name of a file",
		"grpc://198.51.100.1:1?token-file=x":       "without TLS",
		"http://[2001:db8::1]/{HASH}?token-file=x": "without TLS",
	} {
		if l, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %+v, %v; want an error with %q", text, l, err, want)
		}
	}
	if _, which, err := ParseAll([]string{"http://h/a/{HASH}", "http://h/b/{HASH}"}); err == nil || which != 1 {
		t.Errorf("two of one name: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"https://h/{HASH}?a&token-file=x", "grpc://[::1]:1?ca=%41", "http://h:/{hash}#", "http://%7bHASH%7d/", "//", "grpc://h:99999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Parse(text)
		if err != nil {
			return
		}
		if l.Name == "" || l.Address == "" || l.GRPC != (l.Template == "") {
			t.Errorf("%q is taken as %+v", text, l)
		}
		if l.TokenFile != "" && strings.Contains(l.Template, "token-file="+l.TokenFile) {
			t.Errorf("%q: our setting goes to the upstream: %s", text, l.Template)
		}
	})
}
