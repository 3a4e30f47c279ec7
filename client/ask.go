package client

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// linger is how long a question waits for more torrents to ask for. It is short
// beside a commit of the server, and saves one call per handful of torrents.
const linger = 10 * time.Millisecond

// ask is the stage that separates what the server has from what it lacks.
func (p *pusher) ask(ctx context.Context) error {
	for {
		batch := p.gather(ctx)
		if len(batch) == 0 {
			return nil
		}
		missing, err := p.missing(ctx, batch)
		if err == nil {
			err = p.addIncomplete(ctx, batch, missing)
		}
		if err != nil {
			return err
		}
		for i, j := range batch {
			switch {
			case !missing[i]:
				p.finish(j, Result{Status: Already})
			case p.o.DryRun:
				p.finish(j, Result{Status: Missing})
			case !pass(ctx, p.toSend, j):
				return nil
			}
		}
	}
}

// gather returns what there is to ask for within the linger; nothing when no
// more will come.
func (p *pusher) gather(ctx context.Context) []*job {
	first, ok := receive(ctx, p.toAsk)
	if !ok {
		return nil
	}
	batch := []*job{first}
	enough := time.After(linger)
	for len(batch) < maxFind {
		select {
		case j, ok := <-p.toAsk:
			if !ok {
				return batch
			}
			batch = append(batch, j)
		case <-enough:
			return batch
		case <-ctx.Done():
			return nil
		}
	}
	return batch
}

func (p *pusher) missing(ctx context.Context, batch []*job) (missing []bool, err error) {
	ids := make([]infohash.ID, len(batch))
	for i, j := range batch {
		ids[i] = j.id
	}
	err = p.repeat(ctx, func(ctx context.Context) error {
		var err error
		missing, err = findMissing(ctx, p.rpc, ids, true)
		return err
	})
	return missing, err
}
