package metainfo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo"
)

const key32 = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"

// withPasskey are announce URLs in the forms that trackers use.
var withPasskey = []string{
	"http://tracker.example.org/" + key32 + "/announce",
	"https://tracker.example.org:443/announce/" + key32,
	"http://tracker.example.org/announce.php/" + strings.ToUpper(key32),
	"http://tracker.example.org/a/" + key32 + "/announce?x=1",
	"http://tracker.example.org/announce.php?passkey=" + key32,
	"http://tracker.example.org/announce.php?uid=7&passkey=abcdefgh",
	"http://tracker.example.org/announce?a=1;torrent_pass=Zk4mQp9x",
	"http://tracker.example.org/ann?pk=" + key32,
	"http://tracker.example.org/announce?PassKey=" + key32,
	"http://tracker.example.org/announce?" + key32,
	"http://tracker.example.org/announce?u=" + key32,
	"http://tracker.example.org/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9/announce",
	"http://tracker.example.org/k3yw1thl3tt3rs0nly4nddigits/announce",
	"http://tracker.example.org/%30a1b2c3d4e5f60718293a4b5c6d7e8f9/announce",
	"udp://tracker.example.org:2710/announce/" + key32,
	"http://[2001:db8::1]:2710/" + key32 + "/announce",
	"http://tracker.example.org/0123456789abcdef/announce",
	"http://tracker.example.org/%zz?passkey=" + key32,
}

// withoutPasskey are announce URLs of open trackers.
var withoutPasskey = []string{
	"",
	"udp://tracker.example.org:1337/announce",
	"http://tracker.example.org/announce.php",
	"http://tracker.example.org:6969/announce",
	"http://tracker.example.org/00000000000000000000000000000000/announce",
	"http://tracker.example.org/announce?passkey=",
	"http://tracker.example.org/announce?passkey=00000000000000000000000000000000",
	"http://tracker.example.org/announce?pid=1",
	"http://tracker.example.org/announce?key=value",
	"http://tracker.example.org/a-tracker-for-everybody-since-2011/announce",
	"http://tracker.example.org/thisisalongsegmentoflettersonly/announce",
	"http://tracker.example.org/announce#" + key32,
	"http://" + key32 + ".example.org/announce",
	"wss://tracker.example.org",
	key32,
	"://",
	"http://",
	"http://tracker.example.org/?&&=&;",
}

func TestIsPasskeyURL(t *testing.T) {
	for _, address := range withPasskey {
		if !metainfo.IsPasskeyURL(address) {
			t.Errorf("no passkey is seen in %s", address)
		}
	}
	for _, address := range withoutPasskey {
		if metainfo.IsPasskeyURL(address) {
			t.Errorf("a passkey is seen in %s", address)
		}
	}
}

func bencoded(text string) string { return fmt.Sprintf("%d:%s", len(text), text) }

// A passkey is found wherever announce URLs may stand.
func TestHasPasskey(t *testing.T) {
	const info = "4:infod6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:01234567890123456789e"
	open, secret := bencoded(withoutPasskey[1]), bencoded(withPasskey[0])
	for _, test := range []struct {
		outer string
		want  bool
	}{
		{"", false},
		{"8:announce" + open, false},
		{"8:announce" + secret, true},
		{"8:announcel" + open + secret + "e", true},
		{"8:announce" + open + "13:announce-listll" + open + "el" + open + secret + "ee", true},
		{"13:announce-listl" + secret + "e", true},
		{"13:announce-listl" + strings.Repeat("l"+open+"e", 2000) + "l" + secret + "ee", true},
		{"13:announce-list" + secret, true},
		{"13:announce-listlli1edeee", false},
		{"8:announcei1e", false},
		{"8:announce" + open + "8:announce" + secret, true},
		{"7:comment" + secret, false},
	} {
		torrent, err := metainfo.Parse([]byte("d" + test.outer + info + "e"))
		if err != nil {
			t.Fatalf("%.80q: %v", test.outer, err)
		}
		if got := torrent.HasPasskey(); got != test.want {
			t.Errorf("%.80q: got %v", test.outer, got)
		}
	}
}

func FuzzIsPasskeyURL(f *testing.F) {
	for _, address := range append(withPasskey, withoutPasskey...) {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if metainfo.IsPasskeyURL(address) && len(address) < minPasskeyURL {
			t.Errorf("%q is too short for a passkey", address)
		}
	})
}

// minPasskeyURL is the length of ://?pk=12345678.
const minPasskeyURL = 3 + 4 + 8
