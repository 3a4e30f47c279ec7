package client

import (
	"context"
	"sync"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// describing is how many DescribeTorrent calls one asker has under way.
const describing = 16

// addIncomplete counts what the server has without all of its piece layers (BEP
// 52) as missing too, if the job can supply them. FindMissingTorrents does not
// tell; a call for each cached v2 torrent does, and sends nothing that is not
// needed.
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

// lacksLayers reports whether the server's copy can be completed or healed by an
// upload. A server that does not say counts as having all.
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
		// It went, or was found to be damaged, since it was asked for.
		return e.Reason == reason.TorrentNotFound || e.Reason == reason.TorrentRemoved || e.Reason == reason.TorrentDamaged, nil
	}
}
