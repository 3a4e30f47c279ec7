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

// state is what a follower keeps in the store.
type state struct {
	Source string `json:"source"`
	// Cursor is the place in the source's feed: all before it is done.
	Cursor  string  `json:"cursor"`
	Removal removal `json:"removal"`
	// Left is the cursor behind which torrents were left out first; nil if none are lacking.
	Left *string `json:"left,omitempty"`
}

// valueName is the name of the value that has the state of the follower of a source.
func valueName(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "mirror." + hex.EncodeToString(sum[:16])
}

// load reads the state, once. One that is not of this source, or cannot be read, begins anew.
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

// save keeps the state; f.mu is held.
func (f *Follower) save(ctx context.Context) error {
	b, err := json.Marshal(f.state)
	if err != nil {
		return err
	}
	return f.Target.SetValue(ctx, valueName(f.Name), b)
}

// change changes the state and keeps it.
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

// restart has the feed read from its beginning the next time.
func (f *Follower) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Cursor, f.state.Left = "", nil // all is looked at
}

// move moves the cursor behind an answer that is done. That of an answer without changes is
// not worth a write.
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

// hear notes that the source said something.
func (f *Follower) hear(news *torrentcachev1.WatchChangesResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = time.Now()
	f.stats.Behind = max(0, news.GetRemainingCount()) + int64(len(news.GetChanges()))
}

func (f *Follower) paused() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Removal.Paused
}

// Resume goes on after too many removals. Those that come within an hour are not counted; with
// skip those up to the present end of the feed are passed over, since they were a mistake.
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

// Stats is how far a follower is.
type Stats struct {
	Source string
	Paused bool  // by too many removals
	Behind int64 // changes of the source that are not done, as far as known
	// Lag is for how long there has been something to do, or nothing was heard.
	Lag time.Duration

	Torrents, Bytes int64 // read and stored, since the start
	Removals        int64 // of the source that are in force here
	Refused         int64 // torrents that this server does not take
	Wrong           int64 // torrents that are not what the source says
	LeftOut         int64 // torrents that the source had and could not give when its feed named them
}

// Stats returns how far f is.
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

// quiet is how long after the end of the feed the follower counts as equal: three heartbeats.
const quiet = 2 * time.Second

func (f *Follower) count(do func(*Stats)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(&f.stats)
}

// forNow reports whether the same may be tried again with another result.
func forNow(err error) bool {
	switch reason.Of(err).Reason {
	case reason.Overloaded, reason.RateLimited, reason.StorageFull, reason.Internal:
		return true
	}
	return false
}
