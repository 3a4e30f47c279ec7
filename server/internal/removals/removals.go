// Package removals removes and restores the torrents of a store: for its operator, and for the
// servers that this one mirrors, which never undo a removal of the operator. The texts of a removal
// tell which of them decided it.
package removals

import (
	"context"
	"errors"
	"sync"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// most is the maximum number of info hashes in one Remove or Restore: about as many as one
	// commit of the embedded store takes. Their audit lines are in memory together, each with two
	// texts of 1 KiB, which JSON may make six times as long.
	most = 1000

	// lookupsAtOnce is how many removals of a dry run are looked up at a time.
	lookupsAtOnce = 16
)

// Removals removes and restores the torrents of a store. Its errors are those of the API. It is
// safe for concurrent use.
type Removals struct {
	store  store.Store
	audit  audit.Write // logs each change before it is made
	origin serverName

	// Held for reading while an operator changes removals, and for writing while a copy looks
	// at one and changes it.
	changing sync.RWMutex
}

// New returns the Removals of st, which logs each change by tell before it makes it.
func New(st store.Store, tell audit.Write) *Removals { return &Removals{store: st, audit: tell} }

// Remove removes the torrents that hashes name, unless dry is true, and returns a result for each.
func (r *Removals) Remove(ctx context.Context, hashes []string, why store.Removal, dry bool) ([]store.Removed, error) {
	return r.changeListed(ctx, hashes, "remove", why, dry, func(ids []infohash.ID) []store.Removed {
		if dry {
			return r.wouldRemove(ctx, ids)
		}
		r.changing.RLock()
		defer r.changing.RUnlock()
		return r.store.Remove(ctx, ids, why)
	})
}

// Restore undoes the removals of the torrents that hashes name, unless dry is true. Why goes only
// to the audit log.
func (r *Removals) Restore(ctx context.Context, hashes []string, why store.Removal, dry bool) ([]store.Removed, error) {
	return r.changeListed(ctx, hashes, "restore", why, dry, func(ids []infohash.ID) []store.Removed {
		r.changing.RLock()
		defer r.changing.RUnlock()
		change := r.store.Restore
		if dry {
			change = r.wouldRestore
		}
		results := change(ctx, ids)
		for i, r := range results {
			if errors.Is(r.Err, store.ErrNotFound) {
				results[i].Err = reason.New(reason.TorrentNotFound, "%s is not removed", ids[i])
			}
		}
		return results
	})
}

// changeListed calls change for the well-formed hashes, and returns a result for each of hashes,
// whose errors are those of the API. Unless dry is true, it first writes each change into the
// audit log.
func (r *Removals) changeListed(ctx context.Context, hashes []string, action string, why store.Removal, dry bool, change func([]infohash.ID) []store.Removed) ([]store.Removed, error) {
	if err := why.Validate(); err != nil {
		return nil, reason.New(reason.RequestInvalid, "%s", err)
	}
	if len(hashes) > most {
		return nil, reason.New(reason.RequestInvalid, "%d info hashes, at most %d go into one call", len(hashes), most)
	}
	results := make([]store.Removed, len(hashes))
	var ids []infohash.ID
	var places []int // of ids in results
	var entries []audit.Entry
	for i, hash := range hashes {
		id, err := api.ParseHash("info_hash", hash)
		if err != nil {
			results[i].Err = err
			continue
		}
		ids, places = append(ids, id), append(places, i)
		if !dry {
			entries = append(entries, audit.Entry{Action: action, InfoHash: id.String(), Reason: why.Reason, Reference: why.Reference, Erase: why.Erase})
		}
	}
	err := r.audit.DoAll(ctx, entries, func() []error {
		errs := make([]error, len(ids))
		for i, r := range change(ids) {
			if r.Err != nil {
				r.Err = api.StoreError(r.Err, ids[i])
			}
			errs[i], results[places[i]] = r.Err, r
		}
		return errs
	})
	return results, err
}

// wouldRemove returns the results that Remove would have.
func (r *Removals) wouldRemove(ctx context.Context, ids []infohash.ID) []store.Removed {
	cached, err := r.store.Has(ctx, ids)
	if err != nil {
		return store.FailAll(len(ids), err)
	}
	results := make([]store.Removed, len(ids))
	for i := range results {
		results[i].Held = cached[i].Found()
	}
	return results
}

// wouldRestore returns the results that Restore would have, without whether the torrents are held.
func (r *Removals) wouldRestore(ctx context.Context, ids []infohash.ID) []store.Removed {
	results := make([]store.Removed, len(ids))
	var looking sync.WaitGroup
	places := make(chan struct{}, lookupsAtOnce)
	for i, id := range ids {
		places <- struct{}{}
		looking.Go(func() {
			defer func() { <-places }()
			removal, err := r.removalOf(ctx, id)
			if err == nil && removal == nil {
				err = store.ErrNotFound
			}
			results[i].Err = err
		})
	}
	looking.Wait()
	return results
}

// errHeld ends a read that only has to find out whether a torrent is held.
var errHeld = errors.New("the torrent is held")

// removalOf returns the removal that is in force for id, nil if there is none.
func (r *Removals) removalOf(ctx context.Context, id infohash.ID) (*store.Removal, error) {
	_, err := r.store.Get(ctx, id, func(int) ([]byte, error) { return nil, errHeld })
	if removed, ok := errors.AsType[*store.RemovedError](err); ok {
		return &removed.Removal, nil
	}
	if errors.Is(err, errHeld) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
		return nil, nil
	}
	return nil, err
}
