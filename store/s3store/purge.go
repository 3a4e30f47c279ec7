package s3store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// The bytes of a removed torrent stay in its tombstone for a while, so that a mistaken removal
// can be undone. The key purge/<Unix time>/<ID>, written before the tombstone, says when the
// bytes are due for erasure. Any node erases them.

// PurgeAfter is how long the bytes of a removed torrent are kept for a restoration.
const PurgeAfter = 12 * time.Hour

// purgePause is the interval between looks for bytes that are due. A look costs one request.
const purgePause = time.Hour

// schedulePurge schedules the erasure of a torrent removed at the given time: PurgeAfter later,
// counted from now if that time has passed.
func (s *Store) schedulePurge(ctx context.Context, id infohash.ID, removed time.Time) error {
	due := s.now()
	if due.Before(removed) {
		due = removed
	}
	due = due.Add(PurgeAfter)
	err := s.bucket.Put(ctx, fmt.Sprintf("purge/%020d/%s", due.Unix(), id), []byte("purge\n"), "")
	if errors.Is(err, bucket.ErrLost) {
		return nil // the purge is scheduled already
	}
	return err
}

// purge erases the bytes that are due, of up to 1000 torrents.
func (s *Store) purge(ctx context.Context) error {
	keys, err := s.bucket.List(ctx, "purge/", 1000)
	if err != nil {
		return err
	}
	for _, key := range keys {
		due, id, err := parsePurgeKey(key)
		if err != nil {
			s.logger.Warn("ignoring a key that is not a purge of torrentcache", "key", key, "cause", err)
			continue
		}
		if s.now().Before(due) {
			return nil // keys are sorted by time
		}
		err = s.erase(ctx, id, due)
		if _, other := errors.AsType[*object.Foreign](err); other {
			s.logger.Warn("a newer version wrote this removed torrent: only nodes of that version can erase its bytes", "info_hash", id, "cause", err)
			continue
		}
		if err != nil {
			return err
		}
		if err := s.bucket.Remove(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

func parsePurgeKey(key string) (due time.Time, id infohash.ID, err error) {
	parts := strings.Split(key, "/")
	if len(parts) != 3 {
		return due, id, errors.New("want purge/<time>/<id>")
	}
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return due, id, err
	}
	id, err = infohash.Parse(parts[2])
	return time.Unix(seconds, 0), id, err
}

// erase removes the bytes from the tombstone of id. It does nothing if the torrent was restored,
// or removed again at a later time: the later removal has scheduled its own purge.
func (s *Store) erase(ctx context.Context, id infohash.ID, due time.Time) error {
	for range maxDecisions {
		sl, err := s.read(ctx, id, nil)
		if err != nil {
			return err
		}
		if sl.broken || sl.Kind != object.KindTombstone || sl.TorrentLength == 0 || due.Before(sl.Removed.Add(PurgeAfter)) {
			return nil
		}
		next := sl.Object
		next.Erase()
		next.Remove(sl.Removal())
		err = s.bucket.Write(ctx, objectKey(id), next.Bytes(), sl.etag)
		if !errors.Is(err, bucket.ErrLost) {
			return err
		}
	}
	return bucket.ErrLost
}
