//go:build e2e

package histories

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestOneNodeWithKills kills one node on its own disk in the middle of each round. No answer may
// be stale there.
func TestOneNodeWithKills(t *testing.T) {
	keys, key := keysFile(t)
	s := &server{http: freeAddress(t), grpc: freeAddress(t), admin: freeAddress(t)}
	s.args = []string{"serve", "--http-addr", s.http, "--grpc-addr", s.grpc, "--admin-addr", s.admin, "--data-dir", t.TempDir(),
		"--keys-file", keys, "--anonymous", "read,write", "--removed-status", "410", "--log-level", "error"}
	startServer(t, s)
	s.connect(t, key)
	l := newLoad(t, []*server{s}, time.Millisecond)
	random := rand.New(rand.NewPCG(l.seed, 0))
	for start, d := time.Now(), lasting(t, 15*time.Second); time.Since(start) < d && !t.Failed(); {
		l.round(t, func() {
			time.Sleep(time.Duration(random.Int64N(int64(700 * time.Millisecond)))) // the moment of the kill
			s.kill(t)
			s.run(t)
			time.Sleep(300 * time.Millisecond) // time for calls that see the result
		})
	}
}
