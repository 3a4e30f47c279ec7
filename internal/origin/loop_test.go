package origin_test

import (
	"testing"

	"github.com/torrentcache/torrentcache/internal/origin"
)

func TestLooped(t *testing.T) {
	for value, want := range map[string]bool{
		"": false, "torrentcache": true, "TorrentCache": true, "example": false, "torrentcache.example": false,
		"cdn.example, torrentcache": true, "a;v=1 ,\ttorrentcache ; v=2": true, "a;x=torrentcache": false, ",,": false,
	} {
		if got := origin.Looped([]string{"first", value}); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
	if origin.Looped(nil) {
		t.Error("nobody is taken for another cache")
	}
}
