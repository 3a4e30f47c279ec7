package daemon

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/server"
)

// verifyPause is how long to wait before a verification that could not be done is tried again.
const verifyPause = 10 * time.Minute

// verifyAgainAndAgain verifies the store whenever the last verification is old enough, also one
// that an operator made, until ctx ends. One that never was is due at once.
func (d *daemon) verifyAgainAndAgain(ctx context.Context, srv *server.Server, st *storage, cfg config.Serve) {
	for ctx.Err() == nil {
		due := time.Duration(0)
		if last := stores.Noted(ctx, st, stores.VerifyNote); !last.IsZero() {
			due = time.Until(last.Add(cfg.VerifyEvery))
		}
		if due > 0 && !wait.For(ctx, due) {
			return
		}
		if err := d.verifyOnce(ctx, srv, int64(cfg.VerifyRate)); err != nil && ctx.Err() == nil {
			d.logger.Warn("the verification did not get to its end, and is tried again", "in", verifyPause, "cause", err)
			wait.For(ctx, verifyPause)
		}
	}
}

// verifyOnce verifies the store, and tells what was found and is not well, or was not.
func (d *daemon) verifyOnce(ctx context.Context, srv *server.Server, rate int64) error {
	lost, healed := 0, 0
	err := srv.Verify(ctx, server.VerifyOptions{
		BytesPerSecond: rate, Check: server.CheckTorrent,
		Progress: func(p server.VerifyProgress) {
			lost += len(p.Damaged) + len(p.Unreadable)
			healed = int(p.Healed)
		},
	})
	if lost+healed > 0 {
		d.logger.Error("the verification found torrents that are damaged or cannot be read", "found", lost+healed, "healed", healed)
	}
	return err
}
