package lifecycle

import (
	"context"
	"time"
)

// Watch asks failure each second whether something is out of order, until ctx ends. It calls
// changed when that was in order and is not any more, with why, and with nil when it is
// again. At first all is taken to be in order.
func Watch(ctx context.Context, failure func() error, changed func(error)) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	inOrder := true
	for {
		if err := failure(); (err == nil) != inOrder {
			inOrder = err == nil
			changed(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
