package infohash_test

import (
	"bytes"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
)

const (
	hexV1 = "0123456789ABCDEF0123456789ABCDEF01234567"
	hexV2 = "FEDCBA9876543210FEDCBA9876543210FEDCBA9876543210FEDCBA9876543210"
)

func mustParse(t testing.TB, s string) infohash.ID {
	t.Helper()
	id, err := infohash.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestParse(t *testing.T) {
	base32V1 := base32.StdEncoding.EncodeToString(mustParse(t, hexV1).AppendTo(nil))
	tests := []struct{ name, in, want string }{
		{"40 hex digits", hexV1, hexV1},
		{"40 hex digits in lower case", strings.ToLower(hexV1), hexV1},
		{"40 hex digits in mixed case", strings.ToLower(hexV1[:20]) + hexV1[20:], hexV1},
		{"64 hex digits", hexV2, hexV2},
		{"64 hex digits in lower case", strings.ToLower(hexV2), hexV2},
		{"a multihash", "1220" + hexV2, hexV2},
		{"32 base32 digits", base32V1, hexV1},
		{"32 base32 digits in lower case", strings.ToLower(base32V1), hexV1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := mustParse(t, test.in).String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, in string }{
		{"nothing", ""},
		{"39 digits", hexV1[1:]},
		{"41 digits", hexV1 + "0"},
		{"a letter that is no hex digit", hexV1[:39] + "G"},
		{"a space", hexV1[:39] + " "},
		{"a prefix 0x", "0x" + hexV1[2:]},
		{"another multihash", "1114" + hexV2},
		{"a multihash of a broken digest", "1220" + hexV2[:63] + "x"},
		{"base32 digits 0, 1, 8 and 9", strings.Repeat("0189", 8)},
		{"base32 with padding", strings.Repeat("A", 26) + "======"},
		{"a line break in base32", strings.Repeat("A", 31) + "\n"},
		{"letters outside ASCII that upper-case to base32 digits", strings.Repeat("A", 30) + "ſ"},
		{"63 digits", hexV2[1:]},
		{"NUL", strings.Repeat("\x00", 40)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := infohash.Parse(test.in); !errors.Is(err, infohash.ErrMalformed) || !got.IsZero() {
				t.Errorf("got %v and %v, want ErrMalformed", got, err)
			}
		})
	}
}

func TestFromBytes(t *testing.T) {
	for size := range 70 {
		b := bytes.Repeat([]byte{0xab}, size)
		id, err := infohash.FromBytes(b)
		if size != infohash.SizeV1 && size != infohash.SizeV2 {
			if !errors.Is(err, infohash.ErrMalformed) {
				t.Errorf("%d bytes: got %v, want ErrMalformed", size, err)
			}
			continue
		}
		if err != nil || id.Size() != size || !bytes.Equal(id.AppendTo(nil), b) {
			t.Errorf("%d bytes: got %v and %v", size, id, err)
		}
		b[0] = 0
		if id.AppendTo(nil)[0] != 0xab {
			t.Error("the ID shares the slice it was made of")
		}
	}
}

func TestZeroID(t *testing.T) {
	var zero infohash.ID
	if !zero.IsZero() || zero.Size() != 0 || zero.String() != "" || len(zero.AppendTo(nil)) != 0 || zero.Short() != zero {
		t.Errorf("the zero ID is %q of %d bytes", zero, zero.Size())
	}
	if infohash.V1([20]byte{}).IsZero() {
		t.Error("an ID of 20 zero bytes is taken for none")
	}
}

func TestSet(t *testing.T) {
	v1, v2 := mustParse(t, hexV1), mustParse(t, hexV2)
	short := mustParse(t, hexV2[:40])
	tests := []struct {
		name            string
		set             infohash.Set
		primary, legacy infohash.ID
		all             []infohash.ID
	}{
		{"none", infohash.Set{}, infohash.ID{}, infohash.ID{}, []infohash.ID{}},
		{"v1", infohash.Set{V1: v1}, v1, v1, []infohash.ID{v1}},
		{"v2", infohash.Set{V2: v2}, v2, short, []infohash.ID{v2, short}},
		{"hybrid", infohash.Set{V1: v1, V2: v2}, v1, v1, []infohash.ID{v1, v2, short}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.set.Primary() != test.primary || test.set.Legacy() != test.legacy || !slices.Equal(test.set.All(), test.all) {
				t.Errorf("primary %v, legacy %v, all %v", test.set.Primary(), test.set.Legacy(), test.set.All())
			}
			for _, id := range []infohash.ID{v1, v2, short, {}} {
				if got, want := test.set.Contains(id), slices.Contains(test.all, id); got != want {
					t.Errorf("Contains(%v) is %v, want %v", id, got, want)
				}
			}
		})
	}
}

// Parse accepts only text whose ID reads back from its printed form and from its bytes.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", hexV1, hexV2, "1220" + hexV2, strings.Repeat("A7", 16), strings.Repeat("ſ", 16)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := infohash.Parse(s)
		if err != nil {
			if !errors.Is(err, infohash.ErrMalformed) || !id.IsZero() {
				t.Errorf("%q gives %v and %v", s, id, err)
			}
			return
		}
		again, err := infohash.Parse(id.String())
		if err != nil || again != id {
			t.Errorf("%q gives %v, which gives %v and %v", s, id, again, err)
		}
		fromBytes, err := infohash.FromBytes(id.AppendTo(nil))
		if err != nil || fromBytes != id {
			t.Errorf("the bytes of %v give %v and %v", id, fromBytes, err)
		}
	})
}

func TestSetOf(t *testing.T) {
	v1, v2 := strings.Repeat("a1", infohash.SizeV1), strings.Repeat("b2", infohash.SizeV2)
	for _, c := range []struct {
		v1, v2 string
		want   string // of the primary id, then whether there is a v2 one
	}{
		{v1, v2, strings.ToUpper(v1) + " true"},
		{v1, "", strings.ToUpper(v1) + " false"},
		{"", v2, strings.ToUpper(v2) + " true"},
		{v2, v1, " false"}, // each in the other's place
		{"zz", "", " false"},
	} {
		set := infohash.SetOf(c.v1, c.v2)
		got := ""
		if set != (infohash.Set{}) {
			got = set.Primary().String()
		}
		if got += fmt.Sprint(" ", !set.V2.IsZero()); got != c.want {
			t.Errorf("SetOf(%q, %q): %q, want %q", c.v1, c.v2, got, c.want)
		}
	}
}

func TestSetOfAnID(t *testing.T) {
	v1, v2 := infohash.V1([infohash.SizeV1]byte{1}), infohash.V2([infohash.SizeV2]byte{2})
	for id, want := range map[infohash.ID]infohash.Set{
		v1: {V1: v1}, v2: {V2: v2}, v2.Short(): {V1: v2.Short()}, {}: {},
	} {
		if got := id.Set(); got != want || got.Primary() != id {
			t.Errorf("the set of %v is %v, want %v", id, got, want)
		}
	}
}
