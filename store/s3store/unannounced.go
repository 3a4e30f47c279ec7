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

// Copies in memory and on local disks honour a removal once the feed has it. If a node died
// between writing the tombstone and announcing it, no node would ever announce it. So the node
// writes change/<write>/<ID> before the tombstone, and deletes it once the feed has the removal.
// Any node that sees such a key for long announces the change. The same holds for restorations.
// A duplicate entry in the feed does no harm.

const (
	// unannouncedPause is the interval between looks for such keys. A look costs one request. A
	// key that the previous look saw too is no longer in progress.
	unannouncedPause = 30 * time.Second
	// maxUnannounced is how many keys one look reads.
	maxUnannounced = 1000
	// unannouncedTime bounds the look at start-up.
	unannouncedTime = 5 * time.Second
)

// changeKey returns the key that records a write to the slot of id.
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
		return w, id, fmt.Errorf("%q is not the number of a write", parts[1])
	}
	id, err = infohash.Parse(parts[2])
	return object.ParseWriteID(raw), id, err
}

// noteChange records that w is about to be written to the slot of id. If the bucket is full, the
// removal may still succeed, because it overwrites an object.
func (s *Store) noteChange(ctx context.Context, w *write, id infohash.ID) error {
	err := s.bucket.Write(ctx, changeKey(w.id, id), []byte("change\n"), "")
	if errors.Is(err, bucket.ErrLost) || errors.Is(err, store.ErrFull) { // ErrLost: an earlier try of the change wrote it
		return nil
	}
	return err
}

// announceFirst announces the unannounced changes that were done, before this node serves: it may
// be the only node that will run for long. A change that another node has in progress may get
// into the feed twice.
func (s *Store) announceFirst(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, unannouncedTime)
	defer cancel()
	keys, err := s.bucket.List(ctx, "change/", maxUnannounced)
	errs := make([]error, len(keys))
	each(len(keys), maxLookups, func(i int) { _, errs[i] = s.endUnannounced(ctx, keys[i], false) })
	if err = errors.Join(append(errs, err)...); err != nil {
		s.logger.Warn("some removals of nodes that died are not in the feed yet; this node keeps trying", "cause", err)
	}
}

// announceUnannounced looks for unannounced changes until ctx ends.
func (s *Store) announceUnannounced(ctx context.Context) {
	seen, failing := unannounced{}, false
	for wait.For(ctx, unannouncedPause) {
		err := seen.look(ctx, s, time.Now())
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			s.logger.Warn("cannot look for removals that nodes left unannounced when they died", "cause", err)
		}
		failing = err != nil
	}
}

// unannounced maps keys below change/ to the time when a look first saw them.
type unannounced map[string]time.Time

// look ends the changes that the previous look saw too, where their outcome is known.
func (l unannounced) look(ctx context.Context, s *Store, now time.Time) error {
	keys, err := s.bucket.List(ctx, "change/", maxUnannounced)
	if err != nil {
		return err
	}
	there := unannounced{}
	for _, key := range keys {
		there[key] = now
	}
	for key, first := range l {
		if there[key].IsZero() {
			delete(l, key)
			continue
		}
		delete(there, key)
		ended, err := s.endUnannounced(ctx, key, now.Sub(first) > doubtTime)
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

// endUnannounced announces the change of key if it was done, and then deletes the key. With late, a
// write that was not done yet never will be. It reports whether the key is gone.
func (s *Store) endUnannounced(ctx context.Context, key string, late bool) (bool, error) {
	w, id, err := parseChangeKey(key)
	if err != nil {
		s.logger.Warn("ignoring a key that is not a change of torrentcache", "key", key, "cause", err)
		return false, nil
	}
	sl, err := s.readHeader(ctx, id)
	if _, other := errors.AsType[*object.Foreign](err); other {
		return false, nil // left to nodes of the newer version
	}
	if err != nil {
		return false, err
	}
	switch done := sl.etag != "" && !sl.broken && sl.Write == w; {
	case done:
		if err := s.announceAgain(ctx, sl); err != nil {
			return false, err
		}
	case !late: // the write may still arrive
		return false, nil
	}
	return true, s.bucket.Remove(ctx, key)
}

// announceAgain returns once the feed has the removal or restoration in sl.
func (s *Store) announceAgain(ctx context.Context, sl *slot) error {
	if there, _ := s.feed.has(sl.Write); there {
		return nil
	}
	kind := store.ChangeRestored
	if sl.Kind == object.KindTombstone {
		kind = store.ChangeRemoved
	}
	s.logger.Warn("a node died before its removal or restoration was in the feed; this node announces it", "id", sl.id)
	e := object.Entry{Change: store.Change{Kind: kind, IDs: sl.IDs, Time: s.now()}, Write: sl.Write}
	return s.announcer.add(e, object.Totals{}, func() {}).wait(ctx)
}
