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
	// batchSize is how many changes are processed together.
	batchSize = 1000

	// tries is how often the follower asks for a torrent that the source has and cannot give now.
	// retryPause is the wait before the second try; it doubles before each further one.
	tries      = 3
	retryPause = time.Second
)

// item is a torrent that changes of the feed name, with a summary of those changes.
type item struct {
	set      infohash.Set
	added    bool // it was added, and nothing else happened to it
	restored bool
	only     bool // it was removed, and nothing else happened to it
	removed  bool // it was removed or restored: only the source can say which holds now
	gone     bool // the last change is a removal
	dropped  bool // this server dropped it because nobody read it: its bytes are not wanted
	late     bool // its changes were processed before: only its bytes are wanted
}

// itemsOf returns the torrents that changes name, each once.
func itemsOf(changes []*torrentcachev1.Change) []*item {
	var items []*item
	known := map[infohash.ID]*item{}
	for _, c := range changes {
		set := infohash.SetOf(c.GetInfoHashV1(), c.GetInfoHashV2())
		if set == (infohash.Set{}) || c.GetKind() == torrentcachev1.ChangeKind_CHANGE_KIND_DROPPED {
			continue // a torrent dropped there stays here
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
	it.gone = kind == torrentcachev1.ChangeKind_CHANGE_KIND_REMOVED
}

// batch brings the torrents of items up to date here. It returns how many of them it left out
// because the source has them and cannot give them now. It never leaves out a removal.
func (f *Follower) batch(ctx context.Context, items []*item) (left int, err error) {
	if items, err = f.lacking(ctx, items); err != nil {
		return 0, err
	}
	pause := retryPause
	for try := 1; len(items) > 0; try++ {
		later, err := f.read(ctx, items)
		if err != nil || f.paused() {
			return 0, err
		}
		if try == tries {
			return len(later), f.leaveOut(later)
		}
		if items = later; len(items) > 0 && !wait.For(ctx, pause) {
			return 0, ctx.Err()
		}
		pause *= 2
	}
	return 0, nil
}

// leaveOut counts and logs the items that are left out. It returns an error instead if the last
// change of an item is a removal and the item is not late.
func (f *Follower) leaveOut(items []*item) error {
	fresh := 0
	for _, it := range items {
		if it.gone && !it.late {
			return reason.New(reason.Overloaded, "the source gives no answer for torrents that were removed there")
		}
		if !it.late {
			fresh++
		}
	}
	if fresh > 0 {
		f.count(func(s *Stats) { s.LeftOut += int64(fresh) })
		f.Logger.Warn("mirror: the source cannot give torrents that it has; they are left out, and asked for again later",
			"source", f.Name, "torrents", fresh, "first", items[0].set.Primary().String())
	}
	return nil
}

// lacking returns the items worth asking for. A torrent that was dropped here is worth asking for
// only if it may be removed there.
func (f *Follower) lacking(ctx context.Context, items []*item) ([]*item, error) {
	ids := idsOf(items)
	held, err := f.Target.Has(ctx, ids)
	if err != nil {
		return nil, err
	}
	dropped, err := f.Target.Dropped(ctx, ids)
	if err != nil {
		return nil, err
	}
	var none store.Rank // the highest rank that counts as lacking
	if f.KeepRanks {
		none = store.RankFetched
	}
	var lacking []*item
	for i, it := range items {
		it.dropped = dropped[i]
		ignored := it.only && (f.Removals == Ignore || it.late) || it.dropped && (!it.removed || it.late)
		if has := it.added && held[i].Rank > none || it.late && held[i].Found(); !has && !ignored {
			lacking = append(lacking, it)
		}
	}
	return lacking, nil
}
