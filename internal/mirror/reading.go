package mirror

import (
	"context"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// reading is one call of ReadTorrents, and what it came to.
type reading struct {
	follower *Follower
	storing  *storing
	removals []removedThere
	later    []*item // those that the source has and could not give now
}

// read asks the source for items and does what it answers. It returns those that it has and
// could not give now.
func (f *Follower) read(ctx context.Context, items []*item) (later []*item, err error) {
	r := &reading{follower: f, storing: f.newStoring(ctx)}
	rest, err := r.all(ctx, items)
	if waitErr := r.storing.wait(); err == nil {
		err = waitErr
	}
	if err == nil && len(r.removals) > 0 && f.Removals != Ignore && !f.skips() {
		err = f.remove(ctx, r.removals)
	}
	if err != nil || f.paused() || len(rest) == 0 {
		return r.later, err
	}
	more, err := f.read(ctx, rest)
	return append(r.later, more...), err
}

// all does what the source answers about items. It returns those behind one that is too large
// to be received, of which it was not told.
func (r *reading) all(ctx context.Context, items []*item) (rest []*item, err error) {
	next := 0
	for answer, err := range r.follower.Source.ReadTorrents(ctx, idsOf(items)) {
		if err != nil && next < len(items) && reason.Of(err).Reason == reason.TorrentTooLarge {
			r.follower.count(func(s *Stats) { s.Refused++ })
			return items[next+1:], nil
		}
		if err != nil {
			return nil, err
		}
		if goesOn, err := r.one(ctx, items[next], answer); err != nil || !goesOn {
			return nil, err
		}
		next++
	}
	return nil, nil
}

// one does what the source answers about a torrent, and reports whether to go on.
func (r *reading) one(ctx context.Context, it *item, answer *torrentcachev1.ReadTorrentsResponse) (goesOn bool, err error) {
	f := r.follower
	switch {
	case answer.GetRemoval() != nil:
		if !it.late {
			r.removals = append(r.removals, removedThere{it.set, origin(answer.GetRemoval())})
		}
		return true, nil
	case answer.GetError().GetReason() == string(reason.Overloaded):
		r.later = append(r.later, it)
		return true, nil
	}
	if it.restored {
		if err := f.Target.Restore(ctx, f.Name, it.set); err != nil {
			return false, err
		}
	}
	if len(answer.GetTorrent()) == 0 || it.dropped {
		return true, nil
	}
	return r.storing.add(it.set.Primary(), answer), nil
}

func idsOf(items []*item) []infohash.ID {
	ids := make([]infohash.ID, len(items))
	for i, it := range items {
		ids[i] = it.set.Primary()
	}
	return ids
}

// skips reports whether removals are passed over.
func (f *Follower) skips() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Removal.Skip
}

// maxOrigin is the length of the longest name of an origin, in bytes.
const maxOrigin = 64

// origin returns the name of a removal's origin. One that is too long is no name.
func origin(r *torrentcachev1.RemovalNotice) string {
	if len(r.GetOrigin()) > maxOrigin {
		return ""
	}
	return r.GetOrigin()
}
