package diskstore

import (
	"slices"
	"testing"
)

// FuzzRetired parses any text as the list of the segments that were taken away: what is
// accepted is written as it was read.
func FuzzRetired(f *testing.F) {
	for _, text := range []string{"", "1", "1-4,7", "3-2", "1,,2"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseSpans(string(text))
		if err != nil {
			return
		}
		if again, err := parseSpans(all.String()); err != nil || !slices.Equal(again, all) {
			t.Errorf("segments %v read back as %v, %v", all, again, err)
		}
	})
}
