package diskstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// hashChunk is about how many bytes of a batch are hashed before they go to the committer. The
// next chunk is hashed while the committer writes.
const hashChunk = 256 << 10

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, items []store.Item) []store.Result {
	results := make([]store.Result, len(items))
	if err := s.enter(ctx); err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	defer s.leave()
	if len(items) == 0 {
		return results
	}
	waiting := commit.NewCall(len(items))
	var changes []*commit.Change
	hashed := 0
	for i, item := range items {
		p, err := commit.NewCandidate(item)
		if err != nil {
			waiting.Answer(i, store.Result{Err: err})
			continue
		}
		changes = append(changes, p.Change(waiting, i))
		if hashed += len(item.Torrent); hashed >= hashChunk {
			s.committer.Submit(changes...)
			changes, hashed = nil, 0
			runtime.Gosched()
		}
	}
	s.committer.Submit(changes...)
	return s.compareAll(ctx, items, waiting.Wait(ctx))
}

// compareAll compares the items that are stored already, or that the committer could not decide,
// with the stored records.
func (s *Store) compareAll(ctx context.Context, items []store.Item, results []store.Result) []store.Result {
	for i, r := range results {
		if r.Err == nil && r.Outcome == store.AlreadyCached || errors.Is(r.Err, commit.ErrUncompared) {
			results[i] = s.compare(ctx, items[i], r)
		}
	}
	return results
}

// compare reads the stored record with the ids of item, before the uploader is told that it is
// cached and discards its own bytes. Different info bytes are a conflict. If the record is
// damaged, unreadable, or to be replaced, compare puts the item once more. If that put meets yet
// another record, compare starts over.
func (s *Store) compare(ctx context.Context, item store.Item, r store.Result) store.Result {
	for {
		header, body, at, err := s.find(ctx, item.IDs.Primary(), nil)
		var alike, unread format.Place
		switch {
		case errors.Is(err, store.ErrDamaged):
		case errors.Is(err, files.ErrUnreadable):
			unread = at
		case errors.Is(err, store.ErrUnavailable):
			return store.Result{Err: err}
		case err == nil && !bytes.Equal(header.Info(body), item.Info()):
			return store.Result{Err: store.ErrConflict}
		case r.Err == nil: // it is the same, or left meanwhile
			return r
		case err == nil:
			alike = at
		}
		p, err := commit.NewCandidate(item)
		if err != nil {
			return store.Result{Err: err}
		}
		p.Alike, p.Unread = alike, unread
		waiting := commit.NewCall(1)
		s.committer.Submit(p.Change(waiting, 0))
		if r = waiting.Wait(ctx)[0]; !errors.Is(r.Err, commit.ErrUncompared) {
			return r
		}
	}
}

// SetValue implements [store.Store].
func (s *Store) SetValue(ctx context.Context, name string, value []byte) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if err := store.CheckValue(name, value); err != nil {
		return err
	}
	if name == commit.RetiredName {
		return fmt.Errorf("%w: the store itself uses the value %s: choose another name", store.ErrInvalid, name)
	}
	value = append([]byte{}, value...) // ctx may end before it is written
	return s.committer.Do(ctx, commit.ValueSize(name, value), func(g *commit.Group) error { return g.SetValue(name, value) })
}
