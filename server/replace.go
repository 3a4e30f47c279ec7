package server

import (
	"context"

	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/store"
)

// replace puts the upload, which outranks the stored torrent, in its place, with the piece layers
// that only the stored one has. The rank decides whose outer keys count; the info dictionary
// proves the layers. If the result is too large, the stored torrent stays. Errors are the store's.
func (s *Server) replace(ctx context.Context, upload *metainfo.Torrent, rank store.Rank) (store.Outcome, error) {
	current, err := s.Store.Get(ctx, upload.IDs().Primary(), nil)
	if err != nil {
		return 0, err
	}
	if current.Rank >= rank { // another upload of that rank was first
		return store.AlreadyCached, nil
	}
	heir := s.heir(current.Bytes, upload)
	if heir == nil {
		return store.AlreadyCached, nil
	}
	return s.put(ctx, replacing(ctx, heir, rank, current))
}

// replaceAll puts again, in one put, those uploads of a batch that outrank the stored torrents,
// and notes their outcomes in results, which has one for each upload. Uploads that take over piece
// layers, or meet a change, stay Outranked for keep: the batch holds no second copy of a torrent.
func (s *Server) replaceAll(ctx context.Context, uploads []*upload, results []store.Result) {
	var items []store.Item
	var at []int // the index of each item's result
	for i, u := range uploads {
		if results[i].Err != nil || results[i].Outcome != store.Outranked {
			continue
		}
		current, err := s.Store.Get(ctx, u.torrent.IDs().Primary(), nil)
		if err == nil && current.Rank < u.rank && s.heir(current.Bytes, u.torrent) == u.torrent {
			items, at = append(items, replacing(ctx, u.torrent, u.rank, current)), append(at, i)
		}
	}
	if len(items) == 0 {
		return
	}
	for n, result := range s.Store.Put(ctx, items) {
		if !changedMeanwhile(result.Err) {
			results[at[n]] = result
		}
	}
}

// heir returns the torrent that replaces the stored file: upload, with the piece layers that only
// the stored file has. It returns nil if that is too large.
func (s *Server) heir(stored []byte, upload *metainfo.Torrent) *metainfo.Torrent {
	if upload.IDs().V2.IsZero() {
		return upload // only v2 has piece layers
	}
	before, err := metainfo.Parse(stored)
	if err != nil {
		return upload // stored under older rules, so nothing vouches for its layers
	}
	return s.merge(upload, before)
}

// replacing returns the item that replaces current, which t outranks. If the record gets a higher
// rank meanwhile, the item does not replace it.
func replacing(ctx context.Context, t *metainfo.Torrent, rank store.Rank, current store.Torrent) store.Item {
	it := item(ctx, t, rank)
	it.Replaces, it.ReplacesRank = current.Version, current.Rank
	return it
}
