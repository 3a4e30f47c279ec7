package bencode_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/resolver/internal/bencode"
)

func TestCut(t *testing.T) {
	for _, value := range []string{"0:", "4:spam", "i0e", "i-7e", "le", "de", "l4:spami3ee", "d1:ad2:id2:xyee", "d0:i1ee"} {
		got, rest, err := bencode.Cut([]byte(value + "rest"))
		if err != nil || string(got) != value || string(rest) != "rest" {
			t.Errorf("%s: %q, %q, %v", value, got, rest, err)
		}
	}
}

func TestCutRefuses(t *testing.T) {
	for _, text := range []string{
		"", "e", "d", "l", "i", "ie", "i-e", "i+1e", "i1", "x", ":", "-1:a", "5:spam", "99999999999999999999:a", "i99999999999999999999e",
		"d4:spam", strings.Repeat("l", 100) + strings.Repeat("e", 100), strings.Repeat("1", 100),
	} {
		if got, rest, err := bencode.Cut([]byte(text)); err == nil {
			t.Errorf("%q: %q, %q", text, got, rest)
		}
	}
}

func TestLookup(t *testing.T) {
	dict := []byte("d0:5:empty1:ai1e1:bl1:x1:ye1:ai2ee")
	if n, ok := bencode.Int(bencode.Lookup(dict, "a")); n != 1 || !ok {
		t.Errorf("a is %d, %t", n, ok)
	}
	if s, ok := bencode.String(bencode.Lookup(dict, "")); string(s) != "empty" || !ok {
		t.Errorf("the empty key is %q, %t", s, ok)
	}
	var list []string
	for item := range bencode.Items(bencode.Lookup(dict, "b")) {
		s, _ := bencode.String(item)
		list = append(list, string(s))
	}
	if strings.Join(list, " ") != "x y" {
		t.Errorf("b is %q", list)
	}
	for _, none := range []string{"", "le", "i1e", "d", "d1:ce", "d1:b", "di1ei2ee"} {
		if got := bencode.Lookup([]byte(none), "b"); got != nil {
			t.Errorf("%q has b: %q", none, got)
		}
	}
	if _, ok := bencode.Int([]byte("1:a")); ok {
		t.Error("a string is a number")
	}
	if _, ok := bencode.String([]byte("i1e")); ok {
		t.Error("a number is a string")
	}
}

// Cut splits its input without changing it, and reading a value always ends.
func FuzzCut(f *testing.F) {
	for _, seed := range []string{"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", "l4:spami3ee", "d0:i1ee", "i-1e"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		value, rest, err := bencode.Cut(b)
		if err != nil {
			return
		}
		if !bytes.Equal(append(bytes.Clone(value), rest...), b) {
			t.Fatalf("%q was cut into %q and %q", b, value, rest)
		}
		bencode.Lookup(value, "a")
		for item := range bencode.Items(value) {
			if n, ok := bencode.Int(item); ok && n == 0 && len(item) < 3 {
				t.Fatalf("%q is a number", item)
			}
		}
		if s, ok := bencode.String(value); ok {
			if again := bencode.AppendString(nil, string(s)); len(again) > len(value) {
				t.Fatalf("%q became %q", value, again)
			}
		}
	})
}
