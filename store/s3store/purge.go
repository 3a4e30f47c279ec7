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

// The bytes of a removed torrent stay in its tombstone for a while, so that a
// removal by mistake can be undone. purge/<Unix time>/<ID>, written before the
// tombstone, says when they are due; any node sees to it.

// purgePause is how often each node looks for what is due. Looking costs one request.
const purgePause = time.Hour

// schedulePurge sees to it that the bytes of what is removed at that time leave,
// purgeAfter it or, if it is in the past, now.
func (s *Store) schedulePurge(ctx context.Context, id infohash.ID, removed time.Time) error {
	due := s.now()
	if due.Before(removed) {
		due = removed
	}
	due = due.Add(s.purgeAfter)
	err := s.bucket.Put(ctx, fmt.Sprintf("purge/%020d/%s", due.Unix(), id), []byte("purge\n"), "")
	if errors.Is(err, bucket.ErrLost) {
		return nil // it stands there already
	}
	return err
}

// purge erases what is due, up to 1000 torrents.
func (s *Store) purge(ctx context.Context) error {
	keys, err := s.bucket.List(ctx, "purge/", 1000)
	if err != nil {
		return err
	}
	for _, key := range keys {
		due, id, err := parsePurgeKey(key)
		if err != nil {
			s.logger.Warn("not a key of ours", "key", key, "cause", err)
			continue
		}
		if s.now().Before(due) {
			return nil // the keys are in the order of time
		}
		err = s.erase(ctx, id, due)
		if _, other := errors.AsType[*object.Foreign](err); other {
			s.logger.Warn("bytes of a removed torrent are left to newer nodes to erase", "info_hash", id, "cause", err)
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

// erase takes the bytes out of the tombstone of id, if it is one. If it is of a
// removal that came after the one that scheduled this, that one's turn is later.
func (s *Store) erase(ctx context.Context, id infohash.ID, due time.Time) error {
	for range maxDecisions {
		sl, err := s.read(ctx, id, nil)
		if err != nil {
			return err
		}
		if sl.broken || sl.Kind != object.KindTombstone || sl.TorrentLength == 0 || due.Before(sl.Removed.Add(s.purgeAfter)) {
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
