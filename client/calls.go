package client

import (
	"context"
	"fmt"
	"slices"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
)

// maxFind is the most info hashes that one FindMissingTorrents call takes.
const maxFind = 10_000

// maxFilePage is the most files that one DescribeTorrent call returns.
const maxFilePage = 10_000

// Cache stores one torrent, which may be compressed once with gzip or bzip2. It returns the
// torrent's info hashes and what the call did. When Cache returns no error, the torrent is durable.
func (c *Client) Cache(ctx context.Context, torrent []byte) (*torrentcachev1.CacheTorrentResponse, error) {
	answer, err := c.rpc.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
	if err != nil {
		return nil, explained(err)
	}
	return answer, nil
}

// Get returns the torrent that has id. It does not trust the server: if the bytes are not a torrent
// with that info hash, the error has the reason TORRENT_DAMAGED.
func (c *Client) Get(ctx context.Context, id infohash.ID) ([]byte, error) {
	answer, err := c.rpc.GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{InfoHash: id.String()})
	if err != nil {
		return nil, explained(err)
	}
	torrent, err := metainfo.Parse(answer.GetTorrent())
	if err != nil {
		return nil, reason.New(reason.TorrentDamaged, "the server sent bytes for %s that are no torrent: %s", id, err)
	}
	if !torrent.IDs().Contains(id) {
		return nil, reason.New(reason.TorrentDamaged, "the server sent %s for %s", torrent.IDs().Primary(), id)
	}
	return answer.GetTorrent(), nil
}

// Describe returns the description of the torrent that has id, with its first maxFiles files (at
// least one). FileCount is the number of all its files.
func (c *Client) Describe(ctx context.Context, id infohash.ID, maxFiles int) (*torrentcachev1.DescribeTorrentResponse, error) {
	req := &torrentcachev1.DescribeTorrentRequest{InfoHash: id.String()}
	var whole *torrentcachev1.DescribeTorrentResponse
	for {
		have := len(whole.GetFiles())
		req.FilePageSize = int32(max(1, min(maxFiles-have, maxFilePage)))
		page, err := c.rpc.DescribeTorrent(ctx, req)
		if err != nil {
			return nil, explained(err)
		}
		if whole == nil {
			whole = page
		} else {
			whole.Files = append(whole.Files, page.GetFiles()...)
			whole.Truncated = whole.Truncated || page.GetTruncated()
		}
		req.FilePageToken = page.GetNextFilePageToken()
		if req.FilePageToken == "" || len(whole.GetFiles()) >= maxFiles {
			whole.NextFilePageToken = req.FilePageToken
			return whole, nil
		}
	}
}

// Missing returns those of ids that the server has not cached, in order. It makes one call for each
// 10,000 ids.
func (c *Client) Missing(ctx context.Context, ids []infohash.ID) ([]infohash.ID, error) {
	var missing []infohash.ID
	for chunk := range slices.Chunk(ids, maxFind) {
		lacks, err := findMissing(ctx, c.rpc, chunk, false)
		if err != nil {
			return nil, err
		}
		for i, lack := range lacks {
			if lack {
				missing = append(missing, chunk[i])
			}
		}
	}
	return missing, nil
}

// findMissing reports for each id, in order, whether the server lacks the torrent. With fetched, a
// torrent that the server only fetched from elsewhere counts as missing too.
func findMissing(ctx context.Context, rpc torrentcachev1.CacheServiceClient, ids []infohash.ID, fetched bool) ([]bool, error) {
	req := &torrentcachev1.FindMissingTorrentsRequest{InfoHashes: make([]string, len(ids)), IncludeFetched: fetched}
	for i, id := range ids {
		req.InfoHashes[i] = id.String()
	}
	answer, err := rpc.FindMissingTorrents(ctx, req)
	if err != nil {
		return nil, explained(err)
	}
	// The answer lists a part of the request, in the order and spelling of the request.
	missing, rest := make([]bool, len(ids)), answer.GetMissingInfoHashes()
	for i, hash := range req.InfoHashes {
		if len(rest) > 0 && rest[0] == hash {
			missing[i], rest = true, rest[1:]
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("the server answered FindMissingTorrents with %q, which is not of the request or out of order", rest[0])
	}
	return missing, nil
}
