package tiered

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// local holds the copies on disk. Its methods do not fail: an unreadable copy counts as absent,
// and a cache that cannot forget a copy is taken out of use.
type local struct {
	options Options
	folder  folder
	disk    atomic.Pointer[diskstore.Store] // nil while it is out of use
	full    fullness
}

// openLocal opens the cache of a folder, and returns its position in the feed; nil if it is
// empty.
func openLocal(o Options) (*local, *store.Cursor, error) {
	if o.fs == nil {
		o.fs = diskstore.SystemFS()
	}
	l := &local{options: o, folder: folder{fs: o.fs, dir: o.Dir, identity: o.Identity}}
	at, err := l.folder.read()
	if err != nil {
		return nil, nil, err
	}
	if _, err := o.fs.Stat(l.folder.path(copiesName)); at == nil && errors.Is(err, fs.ErrNotExist) {
		return l, nil, l.renew()
	}
	disk, err := l.open() // even if the copies will be discarded: another node may use them
	_, foreign := errors.AsType[*diskstore.ForeignFilesError](err)
	switch {
	case foreign, errors.Is(err, diskstore.ErrLocked), errors.Is(err, diskstore.ErrNoLock): // the folder may belong to somebody else
		return nil, nil, err
	case err == nil && at != nil:
		l.disk.Store(disk)
		return l, at, nil
	case err == nil:
		_ = disk.Close() // the copies are discarded anyway
	case at != nil:
		o.Logger.Warn("the local cache cannot be opened; starting with an empty one", slog.Any("cause", err))
	}
	return l, nil, l.renew()
}

func (l *local) open() (*diskstore.Store, error) {
	return diskstore.Open(diskstore.Options{
		Dir:       l.folder.path(copiesName),
		FS:        l.options.fs,
		CacheSize: l.options.indexSize,
		Logger:    l.options.Logger.With(slog.String("local_cache", l.folder.dir)), // the bucket still has torrents damaged there
		Bounded:   l.options.Size,
	})
}

// renew empties the folder and opens the cache in it.
func (l *local) renew() error {
	if err := l.folder.empty(); err != nil {
		return err
	}
	disk, err := l.open()
	if err == nil {
		l.disk.Store(disk)
	}
	return err
}

// empty deletes all copies. If that fails, the cache is out of use.
func (l *local) empty() {
	l.fail(nil)
	if err := l.renew(); err != nil {
		l.options.Logger.Error("the local cache cannot be replaced; all reads bypass it", slog.Any("cause", err))
	}
}

// fail takes the cache out of use, and logs the cause unless it is nil.
func (l *local) fail(cause error) {
	disk := l.disk.Swap(nil)
	if disk == nil {
		return
	}
	if cause != nil {
		l.options.Logger.Error("the local cache failed; all reads bypass it until it is replaced", slog.Any("cause", cause))
	}
	_ = disk.Close() // its error would say nothing new
}

// has reports whether the index has a copy of the torrent with id.
func (l *local) has(ctx context.Context, id infohash.ID) bool {
	disk := l.disk.Load()
	if disk == nil {
		return false
	}
	held, err := disk.Has(ctx, []infohash.ID{id})
	if err != nil {
		l.check(disk)
		return false
	}
	return held[0].Found()
}

// get returns the copy of the torrent with id, read into memory of alloc. It returns none if alloc
// refused.
func (l *local) get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, bool) {
	disk := l.disk.Load()
	if disk == nil {
		return store.Torrent{}, false
	}
	got, err := disk.Get(ctx, id, alloc)
	if err != nil {
		l.check(disk)
		return store.Torrent{}, false
	}
	return unwrap(got)
}

// put writes a copy, if it can.
func (l *local) put(t store.Torrent) {
	disk := l.disk.Load()
	if disk == nil {
		return
	}
	ctx := context.Background()
	item := wrap(t)
	err := disk.Put(ctx, []store.Item{item})[0].Err
	// The cache has a removal or another torrent for an id, which the remote no longer has.
	if errors.Is(err, store.ErrRemoved) || errors.Is(err, store.ErrConflict) {
		if err = disk.Forget(ctx, t.IDs.All()); err == nil {
			err = disk.Put(ctx, []store.Item{item})[0].Err
		}
	}
	if l.full.note(errors.Is(err, store.ErrFull), flight.Uptime()) {
		l.options.Logger.Warn("the disk of the local cache is full: nothing more is cached until there is room", slog.String("dir", l.folder.dir),
			slog.Int64("free_bytes_needed", diskstore.DefaultMinFreeSpace))
	}
	if err != nil {
		l.check(disk)
	}
}

// check takes a cache out of use if it has failed permanently.
func (l *local) check(disk *diskstore.Store) {
	if err := disk.Err(); err != nil && l.disk.Load() == disk {
		l.fail(err)
	}
}

// forget deletes the copies of the torrents with these ids.
func (l *local) forget(ids []infohash.ID) {
	disk := l.disk.Load()
	if disk == nil {
		return
	}
	if err := disk.Forget(context.Background(), ids); err != nil {
		l.fail(err)
	}
}

// remove deletes the copies of torrents whose bytes must leave the disk.
func (l *local) remove(sets []infohash.Set, erase bool) {
	disk := l.disk.Load()
	if disk == nil {
		return
	}
	ctx, ids := context.Background(), idsOf(sets)
	held, err := disk.Has(ctx, ids)
	if err != nil {
		l.fail(err)
		return
	}
	var copies []infohash.ID
	for i, id := range ids {
		if held[i].Found() {
			copies = append(copies, id)
		}
	}
	for _, removed := range disk.Remove(ctx, copies, store.Removal{Erase: erase}) {
		if removed.Err != nil {
			l.fail(removed.Err)
			return
		}
	}
}

// save notes the position in the feed, unless the cache is out of use.
func (l *local) save(at *store.Cursor) {
	if at != nil && l.disk.Load() != nil {
		l.note(*at)
	}
}

func (l *local) note(at store.Cursor) {
	if err := l.folder.write(at); err != nil {
		l.options.Logger.Warn("cannot write the position in the feed; after a restart the local cache will continue from an earlier one", slog.Any("cause", err))
	}
}

// close closes the cache. Once all copies are on the disk, it notes their position at.
func (l *local) close(at *store.Cursor) {
	if disk := l.disk.Swap(nil); disk != nil && disk.Close() == nil && at != nil {
		l.note(*at)
	}
}

// fullTime is how long the disk may refuse every copy before the operator is told. It does so
// for moments when copies come faster than old ones can be discarded.
const fullTime = 10 * time.Second

// fullness tracks how long the disk has refused every copy. It is safe for concurrent use.
type fullness struct {
	mu    sync.Mutex
	since time.Duration // uptime; 0: the disk took the last copy
	told  bool
}

// note records whether the disk refused a copy at an uptime. It reports whether to tell the
// operator, once until the disk takes a copy again.
func (f *fullness) note(refused bool, now time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !refused:
		f.since, f.told = 0, false
	case f.since == 0:
		f.since = now
	case now-f.since >= fullTime && !f.told:
		f.told = true
		return true
	}
	return false
}
