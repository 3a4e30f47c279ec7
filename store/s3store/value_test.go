package s3store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// TestValues has two nodes set the same value, and the object of it damaged.
func TestValues(t *testing.T) {
	e := newEngine(t)
	s, other := open(t, e.options("values/", fixedTime)), open(t, e.options("values/", fixedTime))
	set := func(s *Store, name, value string) {
		t.Helper()
		if err := s.SetValue(t.Context(), name, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	for _, value := range []string{"first", "", "last"} {
		set(s, "note", "before")
		set(other, "note", value)
		for _, node := range []*Store{s, other} {
			if got, err := node.Value(t.Context(), "note"); string(got) != value || got == nil || err != nil {
				t.Errorf("Value = %q, %v; want %q", got, err, value)
			}
		}
	}
	moved, _ := raw(t, s, valueKey("note"))
	for name, body := range map[string][]byte{
		"nothing":          nil,
		"a bit":            append(append([]byte{}, moved[:len(moved)-1]...), moved[len(moved)-1]^1),
		"the end":          moved[:len(moved)-1],
		"of another name":  object.EncodeValue(valueKey("other"), []byte("last")),
		"another's object": aliasOf(object.Header{}, object.WriteID{}),
	} {
		overwriteRaw(t, s, valueKey("note"), func([]byte) []byte { return body })
		if got, err := s.Value(t.Context(), "note"); got != nil || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("damaged, %s: Value = %q, %v; want that it is damaged", name, got, err)
		}
		set(s, "note", "again")
		if got, err := other.Value(t.Context(), "note"); string(got) != "again" || err != nil {
			t.Errorf("damaged, %s, and set anew: Value = %q, %v", name, got, err)
		}
	}
}

// TestValueOfAnotherVersion has values in formats that this program does not know.
func TestValueOfAnotherVersion(t *testing.T) {
	s := open(t, newEngine(t).options("versions/", fixedTime))
	key, table := valueKey("note"), crc32.MakeTable(crc32.Castagnoli)
	for format, says := range map[byte]string{'1': "never released", '3': "newer version"} {
		if err := s.SetValue(t.Context(), "note", []byte("kept")); err != nil {
			t.Fatal(err)
		}
		overwriteRaw(t, s, key, func(body []byte) []byte {
			body[3] = format
			end := len(body) - crc32.Size
			sum := crc32.Update(crc32.Checksum([]byte(key), table), table, body[:end])
			return binary.BigEndian.AppendUint32(body[:end], sum)
		})
		if got, err := s.Value(t.Context(), "note"); got != nil || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), says) {
			t.Errorf("format %c: Value = %q, %v; want that it is of a %s", format, got, err, says)
		}
	}
}
