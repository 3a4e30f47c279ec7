package mirror

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// Within a window of time one source may remove one in removedShare of the torrents here, or
// removedLeast torrents if that is more.
const (
	window       = time.Hour
	removedShare = 100
	removedLeast = 10
)

// removal is the part of a follower's state that is about removals.
type removal struct {
	Begun     time.Time `json:"begun"` // start of the window
	Count     int64     `json:"count"` // torrents held here that the source removed in it
	Torrents  int64     `json:"torrents"`
	Paused    bool      `json:"paused,omitempty"`
	FreeUntil time.Time `json:"free_until"`     // removals are not counted until then
	Skip      bool      `json:"skip,omitempty"` // removals are passed over until the end of the feed
}

// admit counts n removals and reports whether they may be made. Torrents is how many torrents are
// here now.
func (r *removal) admit(n, torrents int64, now time.Time) bool {
	if now.Before(r.FreeUntil) || n == 0 {
		return true
	}
	if since := now.Sub(r.Begun); since >= window || since < 0 {
		*r = removal{Begun: now, Skip: r.Skip}
	}
	r.Torrents = max(r.Torrents, torrents)
	r.Count += n
	return r.Count <= max(removedLeast, r.Torrents/removedShare)
}

// removedThere is a removal at the source.
type removedThere struct {
	set    infohash.Set
	origin string
}

// remove makes removals of the source here. If they are too many, it makes none and the follower
// stops.
func (f *Follower) remove(ctx context.Context, removals []removedThere) error {
	own, err := f.Target.Origin(ctx)
	if err != nil {
		return err
	}
	byOrigin := map[string][]infohash.Set{}
	var ids []infohash.ID
	for _, r := range removals {
		if r.origin != own {
			byOrigin[r.origin] = append(byOrigin[r.origin], r.set)
			ids = append(ids, r.set.Primary())
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if goesOn, err := f.admit(ctx, ids); err != nil || !goesOn {
		return err
	}
	for origin, sets := range byOrigin {
		if err := f.Target.Remove(ctx, f.Name, origin, sets, f.Removals == Hide); err != nil {
			return err
		}
		f.count(func(s *Stats) { s.Removals += int64(len(sets)) })
	}
	return nil
}

// admit durably counts the ids that are held, and reports whether they may be removed.
func (f *Follower) admit(ctx context.Context, ids []infohash.ID) (bool, error) {
	held, err := f.Target.Has(ctx, ids)
	if err != nil {
		return false, err
	}
	n := int64(0)
	for _, h := range held {
		if h.Found() {
			n++
		}
	}
	if n == 0 {
		return true, nil
	}
	stats, err := f.Target.Stats(ctx)
	if err != nil {
		return false, err
	}
	goesOn := true
	err = f.change(ctx, func(s *state) {
		before := s.Removal
		if goesOn = s.Removal.admit(n, stats.Torrents, time.Now()); !goesOn {
			s.Removal = before // these removals are not made
			s.Removal.Paused = true
		}
	})
	if err == nil && !goesOn {
		f.Logger.Error("mirror: stopped, since the source removed too many torrents in an hour: see what happened there, then "+
			"`torrentcache mirror resume` to go on with them, or `torrentcache restore --mirror` to undo what it removed here",
			"source", f.Name, "removals", n, "torrents", stats.Torrents)
	}
	return goesOn, err
}
