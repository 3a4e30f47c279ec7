package config

import "testing"

func FuzzSize(f *testing.F) {
	for _, seed := range []string{"10MB", "16MiB", "0", "7 kb", "-1", "1e6", "99999999TB", "MB", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var size, again Size
		if size.Set(text) != nil {
			return
		}
		if size < 0 {
			t.Errorf("%q is %d bytes", text, int64(size))
		}
		if err := again.Set(size.String()); err != nil || again != size {
			t.Errorf("%q is %s, which is read back as %d, %v", text, size, int64(again), err)
		}
	})
}
