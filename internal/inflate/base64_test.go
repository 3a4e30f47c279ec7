package inflate

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

func TestFromBase64(t *testing.T) {
	torrent := []byte("d8:announce20:http://x.example/anne4:infod4:name1:xee")
	for _, inner := range [][]byte{torrent, gzipped(t, torrent), bzip2OfHello(t)} {
		text := base64.StdEncoding.EncodeToString(inner)
		for _, wrapped := range []string{
			text, strings.TrimRight(text, "="), text + "\n", " " + text[:20] + "\r\n" + text[20:40] + "\n" + text[40:] + "\r\n",
		} {
			if got := FromBase64([]byte(wrapped)); !bytes.Equal(got, inner) {
				t.Errorf("%.60q: got %.60q", wrapped, got)
			}
		}
		for _, other := range [][]byte{inner, []byte(text + "!"), []byte(text[:30] + "{" + text[30:]), nil, []byte(text[:3])} {
			if got := FromBase64(other); !slices.Equal(got, other) {
				t.Errorf("%.60q was changed to %.60q", other, got)
			}
		}
	}
	for _, other := range []string{"", "ZGVhZA==", "<html>", "AAAA", "d8:announce"} { // the first is of `dead`
		if got := FromBase64([]byte(other)); string(got) != other {
			t.Errorf("%q was changed to %q", other, got)
		}
	}
}

func FuzzFromBase64(f *testing.F) {
	f.Add([]byte("ZDg6YW5ub3VuY2U="))
	f.Add([]byte("H4sI\r\nAAAA"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		got := FromBase64(b)
		if !bytes.Equal(b, before) {
			t.Error("the input was changed")
		}
		if len(got) > len(b) || !IsBase64(b) && !bytes.Equal(got, b) {
			t.Errorf("%d bytes became %d", len(b), len(got))
		}
	})
}
