package diskstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// DropCause is why torrents were dropped.
type DropCause string

// The causes of drops.
const (
	DropUnread DropCause = "unread" // nobody used them for Options.DropUnreadAfter
	DropFull   DropCause = "full"   // the store was nearly full, see Options.Evict
)

// MinUnread is how long a torrent stays after its last use at least, whatever the options
// say, unless it is removed.
const MinUnread = 7 * 24 * time.Hour

// victim is a torrent that is to be dropped, unless it is used before that happens.
type victim struct {
	id  infohash.ID // the primary one
	put uint64      // the sequence of the put that was found
}

// mayGo says whether a torrent of a class, last used on a day, may be dropped.
type mayGo func(of class, used uint32) bool

// dropBatch bounds how many torrents are dropped at once: puts hardly wait for it.
const dropBatch = 256

// dropping drops victims in batches.
type dropping struct {
	store   *Store
	cause   DropCause
	rule    mayGo
	victims []victim
	dropped int64
}

// add has a torrent dropped with the next batch.
func (d *dropping) add(ctx context.Context, e *index.Entry) error {
	d.victims = append(d.victims, victim{e.IDs.Primary(), e.Put})
	if len(d.victims) < dropBatch {
		return nil
	}
	return d.flush(ctx)
}

// flush drops those that were added and that nobody used meanwhile: the committer decides, so
// that every put and every read that was noted before it counts.
func (d *dropping) flush(ctx context.Context) error {
	victims := d.victims
	d.victims = nil
	if len(victims) == 0 {
		return nil
	}
	dropped := 0
	size := format.RecordSize(0) * int64(len(victims))
	err := d.store.do(ctx, size, func(g *group) (store.Outcome, error) {
		for _, v := range victims {
			gone, err := g.drop(v, d.rule)
			if err != nil {
				return 0, err
			}
			if gone {
				dropped++
			}
		}
		return 0, nil
	})
	if err != nil {
		return fmt.Errorf("dropping torrents: %w", err)
	}
	d.dropped += int64(dropped)
	d.store.options.OnDrop(d.cause, dropped)
	return nil
}

// drop is the change that drops v if it may go. The torrent is unknown from then on.
func (g *group) drop(v victim, rule mayGo) (bool, error) {
	e, err := g.whole(v)
	if err != nil || e == nil {
		return false, err
	}
	used, err := g.lastUsed(e)
	if err != nil || !rule(classOf(e.Rank), used) {
		return false, err
	}
	if g.noRoomAtAll != nil {
		return false, g.noRoomAtAll
	}
	h := &format.Header{Kind: store.ChangeDropped, Names: e.Names, IDs: e.IDs}
	return true, g.append(h, nil, store.Removal{})
}

// whole returns the entry of v, nil if v is gone, or not every id of it leads to it: what is
// known of another torrent, or of a removal, must not end with it.
func (g *group) whole(v victim) (*index.Entry, error) {
	e, err := g.get(v.id)
	if err != nil || !e.Visible() || e.Put != v.put {
		return nil, err
	}
	others, err := g.getAll(e.All())
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if !other.Visible() || other.Put != e.Put {
			return nil, nil
		}
	}
	return e, nil
}

// lastUsed returns the day on which the torrent of e was put or last read.
func (g *group) lastUsed(e *index.Entry) (uint32, error) {
	told, err := g.told(e.Put)
	if errors.Is(err, index.ErrBadEntry) {
		return dayOf(g.committer.options.Clock()), nil // nobody knows when, so that it stays
	}
	if err != nil {
		return 0, err
	}
	noted := g.committer.accesses.last(e.IDs.Primary()) // first, for what is noted goes into the index
	read, err := g.index.Access(e.IDs.Primary())
	return max(read, noted, dayOf(told.Change.Time)), err
}
