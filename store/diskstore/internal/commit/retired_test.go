package commit

import (
	"slices"
	"testing"
)

// FuzzRetired parses any text as the list of the segments that were taken away: an
// accepted list is written as it was read.
func FuzzRetired(f *testing.F) {
	for _, text := range []string{"", "1", "1-4,7", "3-2", "1,,2"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := ParseSpans(string(text))
		if err != nil {
			return
		}
		if again, err := ParseSpans(all.String()); err != nil || !slices.Equal(again, all) {
			t.Errorf("segments %v read back as %v, %v", all, again, err)
		}
	})
}

func TestSpans(t *testing.T) {
	var all Spans
	for _, add := range []struct {
		segment uint64
		want    string
	}{{5, "5"}, {3, "3,5"}, {4, "3-5"}, {4, "3-5"}, {1, "1,3-5"}, {9, "1,3-5,9"}, {2, "1-5,9"}, {6, "1-6,9"}, {8, "1-6,8-9"}, {7, "1-9"}} {
		all = all.With(add.segment)
		if all.String() != add.want {
			t.Errorf("with %d: %s, want %s", add.segment, all, add.want)
		}
		if again, err := ParseSpans(add.want); err != nil || again.String() != add.want {
			t.Errorf("ParseSpans(%s) = %v, %v", add.want, again, err)
		}
	}
	for _, bad := range []string{"a", "1-", "3-1", "-1"} {
		if got, err := ParseSpans(bad); err == nil {
			t.Errorf("ParseSpans(%s) = %v", bad, got)
		}
	}
}
