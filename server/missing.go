package server

import (
	"context"
	"fmt"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// maxFind is the most info hashes that one FindMissingTorrents takes.
const maxFind = 10_000

// FindMissingTorrents implements CacheService.
func (s *cacheService) FindMissingTorrents(ctx context.Context, req *torrentcachev1.FindMissingTorrentsRequest) (*torrentcachev1.FindMissingTorrentsResponse, error) {
	hashes := req.GetInfoHashes()
	if len(hashes) > maxFind {
		return nil, reason.New(reason.RequestInvalid, "%d info hashes, at most %d go into one call", len(hashes), maxFind).On("info_hashes")
	}
	ids := make([]infohash.ID, len(hashes))
	for i, hash := range hashes {
		id, err := parseHash("info_hashes", hash)
		if err != nil {
			return nil, reason.Of(err).On(fmt.Sprintf("info_hashes[%d]", i))
		}
		ids[i] = id
	}
	cached, err := s.store.Has(ctx, ids)
	if err != nil {
		return nil, storeError(err, infohash.ID{})
	}
	var none store.Rank // the highest that counts as missing
	if req.GetIncludeFetched() {
		none = store.RankFetched
	}
	var missing []string
	for i, hash := range hashes {
		if cached[i].Rank <= none || s.deny.Denies(cached[i].IDs.All()...) {
			missing = append(missing, hash)
		}
	}
	return &torrentcachev1.FindMissingTorrentsResponse{MissingInfoHashes: missing}, nil
}
