package lifecycle

import (
	"context"
	"time"
)

// Watch asks failure each second whether something is out of order, until ctx ends. It calls
// changed with the cause when something goes out of order, and with nil when it is in order
// again. At first it assumes that all is in order.
func Watch(ctx context.Context, failure func() error, changed func(error)) {
	var now error
	WatchState(ctx, func() bool {
		now = failure()
		return now != nil
	}, func(bool) { changed(now) })
}

// WatchState asks each second in which state something is, until ctx ends, and calls changed
// when that is another one than before. The zero state is the one at first.
func WatchState[S comparable](ctx context.Context, state func() S, changed func(S)) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var before S
	for {
		if now := state(); now != before {
			before = now
			changed(now)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
