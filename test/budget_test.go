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
	// shutdownTimeout is the --shutdown-timeout of the raided servers.
	shutdownTimeout = time.Second

	// shutdownMargin is how much longer than that the shutdown may take: the server also closes
	// the store, and the machine has other work. A longer shutdown counts as a hang.
	shutdownMargin = 15 * time.Second
)

// raid is an attack on a server's memory from one address, 127.0.0.1. It returns when it is at
// its full strength. sent waits until the raid has sent everything, and, once ctx has ended,
// until its connections are closed.
type raid func(ctx context.Context, t *testing.T, g *guarded) (sent func())

// raids are the attacks. Each has the flags of its server, and may be crowded: then it opens so
// many connections that those of other clients may be cut.
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
	{name: "gRPC messages, half sent in small frames", raid: sendHalfMessages},
	{name: "changes not read", raid: watchAndTakeNothing, flags: []string{"--anonymous", "read,write,sync"}},
}

// guarded is a server with --memory-limit, and the data that an attack needs.
type guarded struct {
	*server
	HTTPS string
	limit int // in bytes
	stock *stock

	crowded bool // connections are scarce: those of other clients may be cut, and they reconnect
}

// TestMemoryLimit raids servers of two sizes. Each exceeds its limit by a little at most, serves
// other clients during the raid, and has as much in use afterwards as before. During the same
// raids it also ends on SIGTERM.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	raiseOpenFiles(t)
	inEach := func(megabytes int, check func(*testing.T, *guarded, raid)) func(*testing.T) {
		return func(t *testing.T) {
			t.Parallel()
			stock := fillStock(t)
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

// startGuarded starts a server with a limit of that many megabytes over the stock. It trusts no
// client, and limits nothing but memory.
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

// withstand raids the server until the raid cannot make it use more memory.
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

// endAmidst stops the server during a raid. Its data folder is free as soon as it has ended.
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
