package daemon

import (
	"context"
	"fmt"

	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// taking is whether a store on disk takes uploads.
type taking int

const (
	uploadsTaken   taking = iota
	uploadsRefused        // for now: there is no room, or the index cannot be written
	uploadsEnded          // until the store is opened again
)

// watchDisk tells once of each change whether st takes uploads, until ctx ends.
func (d *daemon) watchDisk(ctx context.Context, st *diskstore.Store) {
	var cause error
	lifecycle.WatchState(ctx, func() taking {
		if cause = st.Err(); cause != nil {
			return uploadsEnded
		}
		if cause = st.Refusing(); cause != nil {
			return uploadsRefused
		}
		return uploadsTaken
	}, func(now taking) { d.uploadsAre(now, cause) })
}

// uploadsAre is told of each change. When the store takes no more changes until it is opened
// again, gateways and balancers that ask for the gRPC health go elsewhere; reads go on. From a
// full disk they do not go: it serves reads as well as any.
func (d *daemon) uploadsAre(now taking, cause error) {
	d.metrics.StoreTakesUploads(now == uploadsTaken)
	switch now {
	case uploadsTaken:
		d.logger.Info("uploads are taken again")
	case uploadsRefused:
		d.logger.Error("uploads are refused for now; downloads go on", "cause", cause)
	case uploadsEnded:
		d.metrics.StoreFailed()
		d.health.Shutdown()
		d.logger.Error("the store takes no more changes; start the server again", "cause", cause)
	}
}

// uploadNote is what /readyz tells the operator beside that it can serve.
func (st *storage) uploadNote() string {
	if err := st.refusing(); err != nil {
		return fmt.Sprintf("uploads are refused: %v", err)
	}
	return ""
}
