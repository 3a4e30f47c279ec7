package tiered

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// patience bounds waits for events that surely come.
const patience = 60 * time.Second

// smallIndex is enough for few torrents; to clear more memory at each Open takes time.
const smallIndex = 1 << 20

// line is the way from a node to the remote store, which others use as well.
type line struct {
	store.Store
	mu       sync.Mutex
	cut      error // the answer to every call; nil: it works
	deaf     error // the answer of the feed
	gets     int
	entered  chan bool // unless nil, told of each Get once it has its answer, which waits for leave
	leave    chan bool
	newEpoch uint64 // unless 0, that of the feed
	closes   bool   // with the line
}

func (l *line) set(change func(*line)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *line) state(feed bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if feed && l.deaf != nil {
		return l.deaf
	}
	return l.cut
}

func (l *line) Get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	l.mu.Lock()
	l.gets++
	entered, leave, cut := l.entered, l.leave, l.cut
	l.mu.Unlock()
	if cut != nil {
		return store.Torrent{}, cut
	}
	t, err := l.Store.Get(ctx, id, alloc)
	if entered != nil {
		entered <- true
		select {
		case <-leave:
		case <-ctx.Done():
			return store.Torrent{}, ctx.Err()
		}
	}
	return t, err
}

func (l *line) Put(ctx context.Context, items []store.Item) []store.Result {
	if err := l.state(false); err != nil {
		results := make([]store.Result, len(items))
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	return l.Store.Put(ctx, items)
}

func (l *line) End(ctx context.Context) (store.Cursor, error) {
	if err := l.state(true); err != nil {
		return store.Cursor{}, err
	}
	c, err := l.Store.End(ctx)
	return l.epoch(c), err
}

func (l *line) Changes(ctx context.Context, after store.Cursor, limit int) ([]store.Change, store.Cursor, error) {
	if err := l.state(true); err != nil {
		return nil, after, err
	}
	real, err := l.Store.End(ctx)
	if err != nil {
		return nil, after, err
	}
	asked := after
	if l.epoch(real).Epoch == after.Epoch {
		asked.Epoch = real.Epoch
	} else if l.epoch(real) != real {
		asked.Epoch = 0 // of another epoch
	}
	changes, next, err := l.Store.Changes(ctx, asked, limit)
	if len(changes) == 0 {
		next = after
	} else {
		next = l.epoch(next)
	}
	return changes, next, err
}

func (l *line) epoch(c store.Cursor) store.Cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.newEpoch != 0 {
		c.Epoch = l.newEpoch
	}
	return c
}

// Close leaves the store to the others, if there are any.
func (l *line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closes {
		return l.Store.Close()
	}
	return nil
}

func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gets
}

// errAway is the answer of a store that cannot be reached.
var errAway = errors.Join(store.ErrUnavailable, errors.New("no route to the store"))

// node is a cache before a line to a remote store.
type node struct {
	*Store
	line *line
	t    *testing.T
	dir  string
}

func (n *node) set(change func(*line)) { n.line.set(change) }
func (n *node) count() int             { return n.line.count() }

func newRemote() *memstore.Store { return memstore.New() }

// open opens the cache in dir before remote, until the test ends.
func open(t *testing.T, remote store.Store, dir string, change ...func(*Options)) *node {
	t.Helper()
	n := &node{line: &line{Store: remote}, t: t, dir: dir}
	o := Options{Remote: n.line, Identity: "s3://bucket", Dir: dir, Size: MinSize, MaxStale: time.Hour,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), indexSize: smallIndex}
	for _, c := range change {
		c(&o)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	n.Store = s
	t.Cleanup(func() { n.close() })
	return n
}

func start(t *testing.T, remote store.Store, change ...func(*Options)) *node {
	t.Helper()
	return open(t, remote, filepath.Join(t.TempDir(), "cache"), change...)
}

// startCached opens a cache in a new folder that has a copy of one, before a store
// that has nothing else.
func startCached(t *testing.T, change ...func(*Options)) (*memstore.Store, *node) {
	t.Helper()
	remote := newRemote()
	put(t, remote, one, store.Created)
	n := start(t, remote, change...)
	n.cached(one)
	return remote, n
}

func (n *node) close() {
	n.t.Helper()
	if err := n.Store.Close(); err != nil {
		n.t.Errorf("Close: %v", err)
	}
}

// reopen closes the cache and opens it again.
func (n *node) reopen(change ...func(*Options)) *node {
	n.t.Helper()
	n.close()
	return open(n.t, n.line.Store, n.dir, change...)
}

// want fails unless the torrent is there, and says whether the remote was asked.
func (n *node) want(item store.Item) (asked bool) {
	n.t.Helper()
	before := n.count()
	ids := item.IDs.All()
	got, err := n.Store.Get(n.t.Context(), ids[len(ids)-1], nil)
	if err != nil || !bytes.Equal(got.Bytes, item.Torrent) || got.IDs != item.IDs || got.Version != store.VersionOf(item.Torrent) || got.Rank != item.Rank {
		n.t.Fatalf("got %d bytes of %v, %v; want %d", len(got.Bytes), got.IDs, err, len(item.Torrent))
	}
	return n.count() > before
}

// cached waits until the torrent is served from a copy.
func (n *node) cached(item store.Item) {
	n.t.Helper()
	eventually(n.t, "no copy is served", func() bool {
		before := n.counts.hits.Load()
		return !n.want(item) && n.counts.hits.Load() > before
	})
}

func (n *node) wantErr(id infohash.ID, want error) {
	n.t.Helper()
	if _, err := n.Store.Get(n.t.Context(), id, nil); !errors.Is(err, want) {
		n.t.Fatalf("got %v, want %v", err, want)
	}
}

// put puts a torrent, at a node or, in the remote store, elsewhere.
func put(t *testing.T, s store.Store, item store.Item, want store.Outcome) {
	t.Helper()
	if r := s.Put(t.Context(), []store.Item{item})[0]; r.Err != nil || r.Outcome != want {
		t.Fatalf("Put = %+v, want outcome %d", r, want)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for begun := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatal(what)
		}
	}
}
