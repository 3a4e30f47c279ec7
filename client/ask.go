package client

import (
	"context"
	"sync"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// linger is how long a call waits for more torrents to ask about. That is short compared with a
// commit of the server, and saves one call for each few torrents.
const linger = 10 * time.Millisecond

// ask is the stage that finds out which torrents the server lacks.
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

// gather returns the jobs that arrive within linger; none if no more will come.
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

// describing is how many DescribeTorrent calls one asker runs in parallel.
const describing = 16

// addIncomplete counts a torrent as missing, too, if the server's copy lacks piece layers (BEP 52)
// that the job can supply. FindMissingTorrents does not tell. A DescribeTorrent call for each
// cached v2 torrent does, and avoids sending torrents without need.
func (p *pusher) addIncomplete(ctx context.Context, batch []*job, missing []bool) error {
	var (
		calls  sync.WaitGroup
		slots  = make(chan struct{}, describing)
		once   sync.Once
		failed error
	)
	for i, j := range batch {
		if missing[i] || !j.layers {
			continue
		}
		slots <- struct{}{}
		calls.Go(func() {
			defer func() { <-slots }()
			var err error
			if missing[i], err = p.lacksLayers(ctx, j.id); err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
	calls.Wait()
	return failed
}

// lacksLayers reports whether an upload can complete or heal the server's copy. If the server does
// not say, the copy counts as complete.
func (p *pusher) lacksLayers(ctx context.Context, id infohash.ID) (bool, error) {
	var answer *torrentcachev1.DescribeTorrentResponse
	err := p.repeat(ctx, func(ctx context.Context) error {
		var err error
		answer, err = p.rpc.DescribeTorrent(ctx, &torrentcachev1.DescribeTorrentRequest{InfoHash: id.String(), FilePageSize: 1})
		return err
	})
	if err == nil {
		return answer.GetMissingPieceLayers(), nil
	}
	switch e := explained(err); {
	case ctx.Err() != nil || worthRepeating(e):
		return false, err
	default:
		// Since FindMissingTorrents the torrent was removed or found damaged.
		return e.Reason == reason.TorrentNotFound || e.Reason == reason.TorrentRemoved || e.Reason == reason.TorrentDamaged, nil
	}
}
