//go:build e2e

package test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"
)

const (
	// shutdownTimeout is --shutdown-timeout of the servers that are raided.
	shutdownTimeout = time.Second

	// shutdownMargin is how much longer than that the end may take: the store is closed
	// then, on a machine that does other things, too. More than that is hung.
	shutdownMargin = 15 * time.Second
)

// raid is an attack on a server's memory from one address, 127.0.0.1. It returns when it
// is in full swing; sent waits until all that it has to send is sent, and, once ctx has
// ended, until its connections are closed.
type raid func(ctx context.Context, t *testing.T, g *guarded) (sent func())

// raids are the attacks, with the flags that the server has for each, and whether the
// connections of others may be cut meanwhile because there are too many.
var raids = []struct {
	name    string
	raid    raid
	flags   []string
	crowded bool
}{
	{name: "gRPC downloads, window 0", raid: takeNothing(overGRPC)},
	{name: "gRPC downloads, byte by byte", raid: takeByteByByte(overGRPC)},
	{name: "HTTP 2 downloads, window 0", raid: takeNothing(overHTTPS2)},
	{name: "HTTP 2 downloads, byte by byte", raid: takeByteByByte(overHTTPS2)},
	{name: "HTTP 1.1 downloads not read", raid: readNothing(false)},
	{name: "HTTPS 1.1 downloads not read", raid: readNothing(true)},
	{name: "many torrents in turn", raid: readManyInTurn, flags: []string{"--cache-size", "32MB"}},
	{name: "JSON describes, left at once", raid: describeAndLeave},
	{name: "gRPC describes, window 0", raid: describeAndTakeNothing},
	{name: "JSON uploads, half sent", raid: uploadHalf},
	{name: "JSON uploads", raid: uploadAtOnce(64, jsonUpload)},
	{name: "SOAP uploads", raid: uploadAtOnce(32, soapUpload)},
	{name: "form uploads", raid: uploadAtOnce(32, formsUpload)},
	{name: "idle connections", raid: connectIdly, flags: []string{"--connections-per-address", "0"}, crowded: true},
	{name: "changes not read", raid: watchAndTakeNothing, flags: []string{"--anonymous", "read,write,sync"}},
}

// guarded is a server under --memory-limit, and what an attack on it needs to know.
type guarded struct {
	*server
	HTTPS string
	limit int // in bytes
	stock *stock

	crowded bool // connections are short: those of others may be cut, and they come again
}

// TestMemoryLimit raids servers of two sizes. Each stays within its limit and a little
// more, serves others meanwhile, and has as much in use afterwards as before. In the
// middle of the same raids it ends on SIGTERM.
func TestMemoryLimit(t *testing.T) {
	raiseOpenFiles(t)
	stock := fillStock(t)
	inEach := func(megabytes int, check func(*testing.T, *guarded, raid)) func(*testing.T) {
		return func(t *testing.T) {
			for _, r := range raids {
				t.Run(r.name, func(t *testing.T) {
					g := startGuarded(t, stock, megabytes, r.flags)
					g.crowded = r.crowded
					check(t, g, r.raid)
				})
			}
		}
	}
	t.Run("512MB", inEach(512, func(t *testing.T, g *guarded, r raid) { g.withstand(t, r, 1.15) }))
	t.Run("256MB", inEach(256, func(t *testing.T, g *guarded, r raid) { g.withstand(t, r, 1.25) }))
	t.Run("SIGTERM", inEach(256, func(t *testing.T, g *guarded, r raid) { g.endAmidst(t, r) }))
}

// startGuarded starts a server of so many megabytes over the stock. To it all clients are
// strangers, but nothing besides memory is short.
func startGuarded(t *testing.T, stock *stock, megabytes int, flags []string) *guarded {
	t.Helper()
	secure, secureFlags := secureFlags(t)
	all := []string{
		"--memory-limit", fmt.Sprintf("%dMB", megabytes), "--trusted-writers", "none", "--upload-rate", "0",
		"--new-bytes-per-hour", "0", "--new-bytes-per-day", "0", "--shutdown-timeout", shutdownTimeout.String(),
		"--upload-wait", "1s", "--header-timeout", "3s", "--log-level", "error",
	}
	all = append(append(all, secureFlags...), flags...)
	return &guarded{
		server: startServerIn(t, stock.dir, all...), HTTPS: secure, limit: megabytes * 1_000_000, stock: stock,
	}
}

// withstand raids the server until the raid can take no more of it.
func (g *guarded) withstand(t *testing.T, raid raid, most float64) {
	t.Helper()
	idle := g.figures(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	guests := invite(ctx, g)
	sent := raid(ctx, t, g)
	sent()
	peak := g.awaitHighest(t)
	guests.awaitRound(t)
	cancel()
	sent()
	t.Logf("the server took %d MB of %d, %.2f times its limit; others: %s",
		peak/1_000_000, g.limit/1_000_000, float64(peak)/float64(g.limit), guests.leave(t))
	if float64(peak) > most*float64(g.limit) {
		t.Errorf("the server took %d bytes, %.2f times its limit; want at most %.2f times",
			peak, float64(peak)/float64(g.limit), most)
	}
	g.awaitIdle(t, idle)
}

// endAmidst raids the server and ends it. Its folder is free as soon as it has ended.
func (g *guarded) endAmidst(t *testing.T, raid raid) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	idle := g.figures(t)
	sent := raid(ctx, t, g)
	g.awaitBusy(t, idle)
	begun := time.Now()
	err := g.stop(t, syscall.SIGTERM)
	took := time.Since(begun)
	cancel()
	sent()
	t.Logf("the server ended %s after SIGTERM", took.Round(time.Millisecond))
	if err != nil || took > shutdownTimeout+shutdownMargin {
		t.Errorf("amidst the raid the server ended %s after SIGTERM, %v; want %s and at most %s",
			took, err, shutdownTimeout, shutdownMargin)
	}
	startServerIn(t, g.DataDir, "--log-level", "error").stop(t, syscall.SIGTERM)
}
