package s3store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// A removal is in force for copies, in memory and on local disks, when the feed has
// it. If its node dies after the tombstone and before that, nobody would ever put it
// there. So change/<write>/<ID> is written before the tombstone, and deleted when
// the feed has the removal; what is left over is put into the feed by any node that
// sees it. The same for restorations. An entry too many does no harm.

const (
	// leftoverPause is how often each node looks for what is left over. Looking costs
	// one request. What was there the time before is no longer under way.
	leftoverPause = 30 * time.Second
	// maxLeftovers is how many are looked at each time.
	maxLeftovers = 1000
	// leftoverTime bounds the look before a node serves.
	leftoverTime = 5 * time.Second
)

// changeKey is where a write to the slot of id is noted.
func changeKey(w object.WriteID, id infohash.ID) string {
	return "change/" + hex.EncodeToString(w.Append(nil)) + "/" + id.String()
}

func parseChangeKey(key string) (w object.WriteID, id infohash.ID, err error) {
	parts := strings.Split(key, "/")
	if len(parts) != 3 {
		return w, id, errors.New("want change/<write>/<id>")
	}
	raw, err := hex.DecodeString(parts[1])
	if err != nil || len(raw) != len(w.Append(nil)) {
		return w, id, fmt.Errorf("%q is no number of a write", parts[1])
	}
	id, err = infohash.Parse(parts[2])
	return object.ParseWriteID(raw), id, err
}

// noteChange notes that w is about to be written to the slot of id. A bucket without
// room for that may still have the removal, which overwrites.
func (s *Store) noteChange(ctx context.Context, w *write, id infohash.ID) error {
	err := s.bucket.Write(ctx, changeKey(w.id, id), []byte("change\n"), "")
	if errors.Is(err, bucket.ErrLost) || errors.Is(err, store.ErrFull) { // lost: to an earlier try of the change
		return nil
	}
	return err
}

// announceFirst puts into the feed what is left over and was done, before this node
// serves: it may be the only one that will run for long. What another node has under
// way right now may come into the feed twice.
func (s *Store) announceFirst(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leftoverTime)
	defer cancel()
	keys, err := s.bucket.List(ctx, "change/", maxLeftovers)
	errs := make([]error, len(keys))
	each(len(keys), maxLookups, func(i int) { _, errs[i] = s.endLeftover(ctx, keys[i], false) })
	if err = errors.Join(append(errs, err)...); err != nil {
		s.logger.Warn("what nodes that died left over is not all in the feed yet; this one goes on trying", "cause", err)
	}
}

// announceLeftovers looks for what is left over until ctx ends.
func (s *Store) announceLeftovers(ctx context.Context) {
	seen, failing := leftovers{}, false
	for wait.For(ctx, leftoverPause) {
		err := seen.look(ctx, s, time.Now())
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			s.logger.Warn("whether nodes that died left removals over cannot be seen", "cause", err)
		}
		failing = err != nil
	}
}

// leftovers are keys below change/, and when they were seen first.
type leftovers map[string]time.Time

// look ends the changes that were there the time before, if it can be said what
// became of them.
func (l leftovers) look(ctx context.Context, s *Store, now time.Time) error {
	keys, err := s.bucket.List(ctx, "change/", maxLeftovers)
	if err != nil {
		return err
	}
	there := leftovers{}
	for _, key := range keys {
		there[key] = now
	}
	for key, first := range l {
		if there[key].IsZero() {
			delete(l, key)
			continue
		}
		delete(there, key)
		ended, err := s.endLeftover(ctx, key, now.Sub(first) > doubtTime)
		if err != nil {
			return err
		}
		if ended {
			delete(l, key)
		}
	}
	for key := range there {
		l[key] = now
	}
	return nil
}

// endLeftover puts the change of key into the feed if it was done, and then deletes
// the key. Late says that a write that was not done by now never will be. It reports
// whether the key is gone.
func (s *Store) endLeftover(ctx context.Context, key string, late bool) (bool, error) {
	w, id, err := parseChangeKey(key)
	if err != nil {
		s.logger.Warn("not a key of ours", "key", key, "cause", err)
		return false, nil
	}
	sl, err := s.readHeader(ctx, id)
	if _, other := errors.AsType[*object.Foreign](err); other {
		return false, nil // newer nodes know what became of it
	}
	if err != nil {
		return false, err
	}
	switch done := sl.etag != "" && !sl.broken && sl.Write == w; {
	case done:
		if err := s.announceAgain(ctx, sl); err != nil {
			return false, err
		}
	case !late: // it may still arrive
		return false, nil
	}
	return true, s.bucket.Remove(ctx, key)
}

// announceAgain returns when the removal or restoration that sl shows is in the feed.
func (s *Store) announceAgain(ctx context.Context, sl *slot) error {
	if there, _ := s.feed.has(sl.Write); there {
		return nil
	}
	kind := store.ChangeRestored
	if sl.Kind == object.KindTombstone {
		kind = store.ChangeRemoved
	}
	s.logger.Warn("a node died before its removal or restoration was in the feed; this one puts it there", "id", sl.id)
	e := object.Entry{Change: store.Change{Kind: kind, IDs: sl.IDs, Time: s.now()}, Write: sl.Write}
	return s.announcer.add(e, object.Totals{}, func() {}).wait(ctx)
}
