package diskstore

import (
	"bytes"
	"context"
	"errors"
	"runtime"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// hashChunk is about how many bytes of a batch are hashed before the committer
// gets them, and the processor if it wants: the next are hashed while it writes.
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
	waiting := newCall(len(items))
	var changes []*change
	hashed := 0
	for i, item := range items {
		p, err := newCandidate(item)
		if err != nil {
			waiting.answer(i, store.Result{Err: err})
			continue
		}
		changes = append(changes, p.change(waiting, i))
		if hashed += len(item.Torrent); hashed >= hashChunk {
			s.committer.queue.add(changes...)
			changes, hashed = nil, 0
			runtime.Gosched()
		}
	}
	s.committer.queue.add(changes...)
	return s.compareAll(ctx, items, waiting.wait(ctx))
}

// change returns what puts p and sets result slot of waiting.
func (p *candidate) change(waiting *call, slot int) *change {
	return &change{
		call: waiting, slot: slot, size: format.RecordSize(len(p.item.Torrent)), needy: true,
		run: func(g *group) (store.Outcome, error) { return g.put(p) },
	}
}

// compareAll reads what the items met that are already cached, or that the
// committer could not decide.
func (s *Store) compareAll(ctx context.Context, items []store.Item, results []store.Result) []store.Result {
	for i, r := range results {
		if r.Err == nil && r.Outcome == store.AlreadyCached || errors.Is(r.Err, errUncompared) {
			results[i] = s.compare(ctx, items[i], r)
		}
	}
	return results
}

// compare reads the record that item met, before its uploader is told that it is
// there and throws the own bytes away. Other info bytes are a conflict. If the
// record is damaged, cannot be read, or is to be replaced, the item is put once more;
// it may then meet another record, which is compared in turn.
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
		case r.Err == nil: // it is the same, or went meanwhile
			return r
		case err == nil:
			alike = at
		}
		p, err := newCandidate(item)
		if err != nil {
			return store.Result{Err: err}
		}
		p.alike, p.unread = alike, unread
		waiting := newCall(1)
		s.committer.queue.add(p.change(waiting, 0))
		if r = waiting.wait(ctx)[0]; !errors.Is(r.Err, errUncompared) {
			return r
		}
	}
}

// do has the committer run one change of at most size bytes, which may use the space that
// MinFreeSpace keeps free, and waits for it.
func (s *Store) do(ctx context.Context, size int64, run func(*group) (store.Outcome, error)) error {
	waiting := newCall(1)
	s.committer.queue.add(&change{call: waiting, size: size, run: run})
	return waiting.wait(ctx)[0].Err
}
