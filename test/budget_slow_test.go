//go:build e2e

package test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"
)

// Clients that do not read their answers are cut off after half a minute if others wait for
// memory. Then the others are served. In this test one address may take all the memory, because
// it is one of --trusted-writers.
func TestSlowReadersMakeWay(t *testing.T) {
	t.Parallel()
	raiseOpenFiles(t)
	g := startGuarded(t, fillStock(t), 256, []string{"--trusted-writers", raider.String() + "/32"})
	idle := g.figures(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ends []func()
	for _, raid := range []raid{takeNothing(overGRPC), takeNothing(overHTTPS2), readNothing(false)} {
		ends = append(ends, raid(ctx, t, g))
	}
	g.awaitBusy(t, idle)
	refusals, took := g.getLarge(t)
	cancel()
	for _, end := range ends {
		end()
	}
	cut := g.metric(t, `torrentcache_refusals_total{limit="slow_reader"}`)
	t.Logf("another was served after %s and %d refusals; %.0f connections were cut", took.Round(time.Second), refusals, cut)
	if refusals == 0 || cut == 0 {
		t.Error("memory was not short")
	}
	g.awaitIdle(t, idle)
}

// getLarge downloads a large torrent that no other client requests, as a guest. It tries again
// when refused. It returns the number of refusals and the total time.
func (g *guarded) getLarge(t *testing.T) (refusals int, took time.Duration) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: guestDialer.DialContext, DisableKeepAlives: true}}
	for begun := time.Now(); ; refusals++ {
		resp, err := client.Get("http://" + g.HTTP + downloadPath(g.stock.large[raidedCount]))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		took = time.Since(begun)
		switch {
		case err == nil && resp.StatusCode == http.StatusOK && n >= largeSize:
			return refusals, took
		case err != nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "":
			t.Fatalf("%s, %d bytes, %v", resp.Status, n, err)
		case took > 2*patience:
			t.Fatalf("nothing but refusals for %s", took)
		}
	}
}
