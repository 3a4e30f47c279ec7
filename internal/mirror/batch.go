package mirror

import (
	"context"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// batchSize is how many changes are done together.
	batchSize = 1000

	// tries is how often a torrent is asked for that the source has and cannot give now; after
	// each but the last retryPause, twice as long each time, is waited.
	tries      = 3
	retryPause = time.Second
)

// item is a torrent that changes name, and what they say of it.
type item struct {
	set      infohash.Set
	added    bool // and nothing else happened to it
	restored bool
	only     bool // it was removed, and nothing else happened to it
	removed  bool // or restored: what holds there now it alone can say
	dropped  bool // here, because nobody read it: its bytes are not wanted
}

// itemsOf returns the torrents that changes name, each once.
func itemsOf(changes []*torrentcachev1.Change) []*item {
	var items []*item
	known := map[infohash.ID]*item{}
	for _, c := range changes {
		set := infohash.SetOf(c.GetInfoHashV1(), c.GetInfoHashV2())
		if set == (infohash.Set{}) || c.GetKind() == torrentcachev1.ChangeKind_CHANGE_KIND_DROPPED {
			continue // what left there stays here
		}
		it := known[set.Primary()]
		if it == nil {
			it = &item{set: set, added: true, only: true}
			known[set.Primary()] = it
			items = append(items, it)
		}
		it.note(c.GetKind())
	}
	return items
}

func (it *item) note(kind torrentcachev1.ChangeKind) {
	it.added = it.added && kind == torrentcachev1.ChangeKind_CHANGE_KIND_ADDED
	it.only = it.only && kind == torrentcachev1.ChangeKind_CHANGE_KIND_REMOVED
	it.removed = it.removed || kind == torrentcachev1.ChangeKind_CHANGE_KIND_REMOVED || kind == torrentcachev1.ChangeKind_CHANGE_KIND_RESTORED
	it.restored = it.restored || kind == torrentcachev1.ChangeKind_CHANGE_KIND_RESTORED
}

// batch does what changes name.
func (f *Follower) batch(ctx context.Context, changes []*torrentcachev1.Change) error {
	items, err := f.lacking(ctx, itemsOf(changes))
	if err != nil {
		return err
	}
	pause := retryPause
	for try := 1; len(items) > 0; try++ {
		later, err := f.read(ctx, items)
		if err != nil || f.paused() {
			return err
		}
		if try == tries {
			f.count(func(s *Stats) { s.LeftOut += int64(len(later)) })
			if len(later) > 0 {
				f.Logger.Warn("mirror: the source cannot give torrents that it has; they are left out", "source", f.Name,
					"torrents", len(later), "first", later[0].set.Primary().String())
			}
			return nil
		}
		if items = later; len(items) > 0 && !wait.For(ctx, pause) {
			return ctx.Err()
		}
		pause *= 2
	}
	return nil
}

// lacking returns the items that are worth asking for. Of what was dropped here those are the
// ones that may be removed there.
func (f *Follower) lacking(ctx context.Context, items []*item) ([]*item, error) {
	ids := make([]infohash.ID, len(items))
	for i, it := range items {
		ids[i] = it.set.Primary()
	}
	held, err := f.Target.Has(ctx, ids)
	if err != nil {
		return nil, err
	}
	dropped, err := f.Target.Dropped(ctx, ids)
	if err != nil {
		return nil, err
	}
	var none store.Rank // the highest that counts as lacking
	if f.KeepRanks {
		none = store.RankFetched
	}
	var lacking []*item
	for i, it := range items {
		it.dropped = dropped[i]
		ignored := it.only && f.Removals == Ignore || it.dropped && !it.removed
		if has := it.added && held[i].Rank > none; !has && !ignored {
			lacking = append(lacking, it)
		}
	}
	return lacking, nil
}

// read asks the source for items and does what it answers. It returns those that it has and
// could not give now.
func (f *Follower) read(ctx context.Context, items []*item) (later []*item, err error) {
	ids := make([]infohash.ID, len(items))
	for i, it := range items {
		ids[i] = it.set.Primary()
	}
	var removals []removedThere
	var rest []*item // behind one that is too large to be received
	storing, next := f.newStoring(ctx), 0
	for answer, readErr := range f.Source.ReadTorrents(ctx, ids) {
		if readErr != nil && next < len(items) && reason.Of(readErr).Reason == reason.TorrentTooLarge {
			f.count(func(s *Stats) { s.Refused++ })
			rest = items[next+1:]
			break
		}
		if err = readErr; err != nil {
			break
		}
		it := items[next]
		next++
		switch {
		case answer.GetRemoval() != nil:
			removals = append(removals, removedThere{it.set, origin(answer.GetRemoval())})
			continue
		case answer.GetError().GetReason() == string(reason.Overloaded):
			later = append(later, it)
			continue
		}
		if it.restored {
			if err = f.Target.Restore(ctx, f.Name, it.set); err != nil {
				break
			}
		}
		if len(answer.GetTorrent()) > 0 && !it.dropped && !storing.add(it.set.Primary(), answer) {
			break
		}
	}
	if waitErr := storing.wait(); err == nil {
		err = waitErr
	}
	if err == nil && len(removals) > 0 && f.Removals != Ignore && !f.skips() {
		err = f.remove(ctx, removals)
	}
	if err != nil || f.paused() || len(rest) == 0 {
		return later, err
	}
	more, err := f.read(ctx, rest)
	return append(later, more...), err
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
