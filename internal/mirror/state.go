package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// state is the progress of a follower, as the store keeps it.
type state struct {
	Source string `json:"source"`
	// Cursor is a place in the source's feed. Everything before it has been processed.
	Cursor  string  `json:"cursor"`
	Removal removal `json:"removal"`
	// Left is the cursor before the first answer that left torrents out; nil if none is lacking.
	Left *string `json:"left,omitempty"`
}

// valueName returns the name under which the store keeps the state of the follower of source.
func valueName(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "mirror." + hex.EncodeToString(sum[:16])
}

// load reads the state, once. If the stored state is about another source or cannot be read, the
// follower begins anew.
func (f *Follower) load(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ready {
		return nil
	}
	b, err := f.Target.Value(ctx, valueName(f.Name))
	if err != nil {
		return err
	}
	var s state
	if json.Unmarshal(b, &s) != nil || s.Source != f.Name {
		s = state{Source: f.Name}
	}
	f.state, f.ready = s, true
	return nil
}

// save stores the state; f.mu is held.
func (f *Follower) save(ctx context.Context) error {
	b, err := json.Marshal(f.state)
	if err != nil {
		return err
	}
	return f.Target.SetValue(ctx, valueName(f.Name), b)
}

// change changes the state and stores it. If that fails, the state stays as it was.
func (f *Follower) change(ctx context.Context, do func(*state)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.state
	do(&f.state)
	err := f.save(ctx)
	if err != nil {
		f.state = before
	}
	return err
}

func (f *Follower) cursor() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Cursor
}

// restart makes the follower read the feed from its beginning.
func (f *Follower) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Cursor, f.state.Left = "", nil // the whole feed includes the torrents left out
}

// move moves the cursor past an answer that has been processed. An answer without changes is not
// worth a write of its own.
func (f *Follower) move(ctx context.Context, news *torrentcachev1.WatchChangesResponse) error {
	isEnd := len(news.GetChanges()) == 0
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Cursor = news.GetCursor()
	if isEnd {
		f.equal, f.stats.Behind = time.Now(), 0
		if !f.state.Removal.Skip {
			return nil
		}
		f.state.Removal.Skip = false
	} else {
		f.stats.Behind = max(0, news.GetRemainingCount())
	}
	return f.save(ctx)
}

// noteAnswer notes when the source last answered and how many of its changes are not processed.
func (f *Follower) noteAnswer(news *torrentcachev1.WatchChangesResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answered = time.Now()
	f.stats.Behind = max(0, news.GetRemainingCount()) + int64(len(news.GetChanges()))
}

func (f *Follower) paused() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Removal.Paused
}

// Resume restarts a follower that too many removals stopped. Without skip, removals within the next
// hour are not counted. With skip, the follower passes over all removals up to the present end of
// the feed.
func (f *Follower) Resume(ctx context.Context, skip bool) error {
	if err := f.load(ctx); err != nil {
		return err
	}
	err := f.change(ctx, func(s *state) {
		s.Removal = removal{Skip: skip}
		if !skip {
			s.Removal.FreeUntil = time.Now().Add(window)
		}
	})
	if err != nil {
		return err
	}
	f.Logger.Info("mirror: following goes on by order", "source", f.Name, "skipping_removals", skip)
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return nil
}

// Stats is the progress of one follower.
type Stats struct {
	Source string
	Paused bool  // by too many removals
	Behind int64 // changes of the source that are not processed, as far as known
	// Lag is the time since the follower last had nothing to do, or 0 if that is at most quiet.
	Lag time.Duration

	Torrents, Bytes int64 // read and stored, since the start
	Removals        int64 // removals of the source that were made here
	Refused         int64 // torrents that this server does not accept
	Wrong           int64 // torrents whose bytes are invalid or of another info hash
	LeftOut         int64 // torrents left out when the feed named them
}

// Stats returns the progress of f.
func (f *Follower) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Source, s.Paused = f.Name, f.state.Removal.Paused
	if since := time.Since(f.equal); since > quiet {
		s.Lag = since
	}
	return s
}

// quiet is how long the follower counts as up to date after the end of the feed: four heartbeats.
const quiet = 2 * time.Second

func (f *Follower) count(do func(*Stats)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(&f.stats)
}

// forNow reports whether err may pass, so that another try may succeed.
func forNow(err error) bool {
	switch reason.Of(err).Reason {
	case reason.Overloaded, reason.RateLimited, reason.StorageFull, reason.Internal:
		return true
	}
	return false
}
