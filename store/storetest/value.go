package storetest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/store"
)

func testValues(t *testing.T, b *bench) {
	t.Run("kept", func(t *testing.T) { keepValues(t, b.open(t)) })
	t.Run("the caller may reuse its bytes", func(t *testing.T) {
		f := b.open(t)
		value := []byte("kept")
		f.setValue("name", value)
		clear(value)
		f.hasValue("name", []byte("kept"))
		got, err := f.Value(t.Context(), "name")
		if err != nil {
			t.Fatal(err)
		}
		clear(got)
		f.hasValue("name", []byte("kept"))
	})
	t.Run("whatever becomes of torrents", func(t *testing.T) {
		f := b.open(t)
		item := Torrent(V1, 1, 500, 0)
		f.put(item, store.Created)
		f.setValue("name", []byte("kept"))
		f.damage(item)
		f.remove(item.IDs.V1, "gone")
		f.hasValue("name", []byte("kept"))
	})
	t.Run("invalid", func(t *testing.T) {
		f := b.open(t)
		for _, name := range []string{"", "Name", "a name", "a/name", "a_name", "näme", strings.Repeat("x", store.MaxValueName+1)} {
			if got, err := f.Value(t.Context(), name); got != nil || !errors.Is(err, store.ErrInvalid) {
				t.Errorf("Value(%q) = %q, %v; want ErrInvalid", name, got, err)
			}
			if err := f.SetValue(t.Context(), name, nil); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("SetValue(%q) = %v, want ErrInvalid", name, err)
			}
		}
		if err := f.SetValue(t.Context(), "long", make([]byte, store.MaxValue+1)); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("SetValue of too many bytes = %v, want ErrInvalid", err)
		}
		f.hasValue("long", nil)
	})
	t.Run("one of many writers", func(t *testing.T) {
		f := b.open(t)
		each(8, func(w int) {
			if err := f.SetValue(t.Context(), "name", bytes.Repeat([]byte{byte(w)}, 1000)); err != nil {
				t.Errorf("SetValue = %v", err)
			}
		})
		f.reopen()
		got, err := f.Value(t.Context(), "name")
		if err != nil || len(got) != 1000 || !bytes.Equal(got, bytes.Repeat(got[:1], 1000)) {
			t.Errorf("Value = %d bytes, %v; want those of one writer", len(got), err)
		}
	})
}

// keepValues sets values under several names and overwrites them.
func keepValues(t *testing.T, f *fixture) {
	names := []string{"a", "last-backup.0", "..", "-", strings.Repeat("x", store.MaxValueName)}
	of := func(i, n int) []byte { return []byte(strings.Repeat(names[n], i)) }
	for _, name := range names {
		f.hasValue(name, nil)
	}
	for _, i := range []int{1, 20, 0, 2} { // 0: an empty value
		for n, name := range names {
			f.setValue(name, of(i, n))
		}
		for n, name := range names {
			f.hasValue(name, of(i, n))
		}
	}
	f.setValue("a", bytes.Repeat([]byte{0, 255}, store.MaxValue/2))
	f.hasValue("a", bytes.Repeat([]byte{0, 255}, store.MaxValue/2))
	f.setValue("a", nil)
	f.hasValue("a", []byte{})
	if changes := f.feed(store.Cursor{}, 10); len(changes) != 0 {
		t.Errorf("values are in the feed: %v", changes)
	}
}

// setValue sets a value and fails on an error.
func (f *fixture) setValue(name string, value []byte) {
	f.t.Helper()
	if err := f.SetValue(f.t.Context(), name, value); err != nil {
		f.t.Fatalf("SetValue(%q) = %v", name, err)
	}
	f.reopen()
}

// hasValue fails unless the value is want. A nil want means that there is no value.
func (f *fixture) hasValue(name string, want []byte) {
	f.t.Helper()
	got, err := f.Value(f.t.Context(), name)
	if err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
		f.t.Fatalf("Value(%q) = %d bytes, nil: %t, %v; want %d, nil: %t", name, len(got), got == nil, err, len(want), want == nil)
	}
}
