package source

import (
	"bytes"
	"context"
	"testing"
)

// A stream that was cut is not taken for a whole archive, even if its last member is whole. One
// block of zeros at its end is enough. An archive in a file needs no end, only whole members.
func TestTarThatWasCut(t *testing.T) {
	content := torrentOf("a")
	whole := tarOf(member{"a.torrent", content})
	end := len(whole) - 2*tarBlock // of the last member with its padding
	padding := end - bytes.LastIndex(whole, []byte(content)) - len(content)
	for name, c := range map[string]struct {
		length int
		isCut  bool
	}{
		"behind the content": {end - padding, true},
		"in the padding":     {end - 1, true},
		"behind the padding": {end, true},
		"in the first zeros": {end + 100, true},
		"one block of zeros": {end + tarBlock, false},
		"whole":              {len(whole), false},
	} {
		cut := whole[:c.length]
		for kind, stream := range map[string][]byte{"plain": cut, "gzip": gzipOf(cut)} {
			members, problems := 0, 0
			o := Options{MaxSize: maxSize, Problem: func(string, error) { problems++ }}
			for file := range Tar(context.Background(), bytes.NewReader(stream), o) {
				if b, err := file.Load(); err == nil && string(b) == content {
					members++
				}
			}
			if members != 1 || problems > 0 != c.isCut {
				t.Errorf("%s, %s: %d members, %d problems", name, kind, members, problems)
			}
			path := write(t, t.TempDir(), "a.tar", stream)
			if got := walkAll(t, path); got.content[path+": a.torrent"] != content {
				t.Errorf("%s, %s, as a file: %q", name, kind, got.problems)
			}
		}
	}
}
