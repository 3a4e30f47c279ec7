package steady_test

import (
	"runtime"
	"testing"

	"github.com/torrentcache/torrentcache/internal/steady"
)

func TestNear(t *testing.T) {
	const limit = 256 << 20
	var none steady.Ballast
	if none.MayBeNear(limit) {
		t.Fatal("near the limit at once")
	}
	kept := make([]byte, limit)
	if !none.MayBeNear(limit) || !none.Near(limit) {
		t.Error("not near the limit with as much in use")
	}
	if ballast := steady.Ballast(kept); ballast.Near(limit) {
		t.Error("the ballast counts")
	}
	runtime.KeepAlive(kept)
	if none.Near(limit) {
		t.Error("near the limit when all is free again")
	}
}
