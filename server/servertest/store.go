package servertest

import (
	"bytes"
	"context"
	"sync"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Store is a store whose calls a test may replace.
type Store struct {
	store.Store
	mu  sync.Mutex
	put func(ctx context.Context, items []store.Item) []store.Result
	get func(ctx context.Context, id infohash.ID) (store.Torrent, error)
}

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, items []store.Item) []store.Result {
	s.mu.Lock()
	put := s.put
	s.mu.Unlock()
	if put != nil {
		return put(ctx, items)
	}
	return s.Store.Put(ctx, items)
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	s.mu.Lock()
	get := s.get
	s.mu.Unlock()
	if get != nil {
		return get(ctx, id)
	}
	return s.Store.Get(ctx, id, alloc)
}

// SetPut makes Put call put instead of the store. Nil ends that.
func (s *Store) SetPut(put func(ctx context.Context, items []store.Item) []store.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put = put
}

// FailPut makes Put fail.
func (s *Store) FailPut(err error) {
	s.SetPut(func(context.Context, []store.Item) []store.Result { return []store.Result{{Err: err}} })
}

// SetGet makes Get call get instead of the store. Nil ends that.
func (s *Store) SetGet(get func(ctx context.Context, id infohash.ID) (store.Torrent, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.get = get
}

// FailGet makes Get fail.
func (s *Store) FailGet(err error) {
	s.SetGet(func(context.Context, infohash.ID) (store.Torrent, error) { return store.Torrent{}, err })
}

// Log is a log that goroutines may share.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns the text written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
