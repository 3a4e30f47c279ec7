package main

import (
	"context"
	"time"
)

// watchStore waits for the store to fail, that is, to take no more changes until
// it is opened again, and says so: gateways and balancers that ask for the gRPC
// health go elsewhere. Reads go on. It returns then, or when ctx ends.
func (h *house) watchStore(ctx context.Context, failure func() error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for failure() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	h.metrics.StoreFailed()
	h.health.Shutdown()
	h.logger.Error("the store takes no more changes; start the server again", "cause", failure())
}
