package tiered

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// local is the copies on disk. Its methods do not fail: a copy that cannot be read
// is none, and a cache in which something cannot be forgotten is not used any more.
type local struct {
	options Options
	folder  folder
	disk    atomic.Pointer[diskstore.Store] // nil while it is out of use
	full    fullness
}

// openLocal opens the cache of a folder, and returns how far it knows the feed; nil
// if it is empty.
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
	disk, err := l.open() // also what is to be thrown away: another node may use it
	_, foreign := errors.AsType[*diskstore.ForeignFilesError](err)
	switch {
	case foreign, errors.Is(err, diskstore.ErrLocked), errors.Is(err, diskstore.ErrNoLock): // it may be another's
		return nil, nil, err
	case err == nil && at != nil:
		l.disk.Store(disk)
		return l, at, nil
	case err == nil:
		_ = disk.Close() // nobody needs what it would say
	case at != nil:
		o.Logger.Warn("the local cache cannot be opened; it begins empty", slog.Any("cause", err))
	}
	return l, nil, l.renew()
}

func (l *local) open() (*diskstore.Store, error) {
	return diskstore.Open(diskstore.Options{
		Dir:       l.folder.path(copiesName),
		FS:        l.options.fs,
		CacheSize: l.options.indexSize,
		Logger:    l.options.Logger.With(slog.String("local_cache", l.folder.dir)), // what is damaged there is read from the bucket again
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

// empty throws everything away. If that fails the cache is out of use.
func (l *local) empty() {
	l.fail(nil)
	if err := l.renew(); err != nil {
		l.options.Logger.Error("the local cache cannot be made anew; all reads go past it", slog.Any("cause", err))
	}
}

// fail takes the cache out of use; with a cause that is told to the operator.
func (l *local) fail(cause error) {
	disk := l.disk.Swap(nil)
	if disk == nil {
		return
	}
	if cause != nil {
		l.options.Logger.Error("the local cache failed; all reads go past it until it is made anew", slog.Any("cause", cause))
	}
	_ = disk.Close() // what it would say is nothing new
}

// has reports whether there is a copy of the torrent that has id, as far as the index
// tells.
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

// get returns the copy of the torrent that has id, read into room. It returns none if
// room refused.
func (l *local) get(ctx context.Context, id infohash.ID, room store.Room) (store.Torrent, bool) {
	disk := l.disk.Load()
	if disk == nil {
		return store.Torrent{}, false
	}
	got, err := disk.Get(ctx, id, room)
	if err != nil {
		l.check(disk)
		return store.Torrent{}, false
	}
	return unwrap(got)
}

// put keeps a copy, if it can.
func (l *local) put(t store.Torrent) {
	disk := l.disk.Load()
	if disk == nil {
		return
	}
	ctx := context.Background()
	item := wrap(t)
	err := disk.Put(ctx, []store.Item{item})[0].Err
	// Something else was known of an id, of which the remote knows nothing any more.
	if errors.Is(err, store.ErrRemoved) || errors.Is(err, store.ErrConflict) {
		if err = disk.Forget(ctx, t.IDs.All()); err == nil {
			err = disk.Put(ctx, []store.Item{item})[0].Err
		}
	}
	if l.full.note(errors.Is(err, store.ErrFull), flight.Uptime()) {
		l.options.Logger.Warn("the disk of the local cache is full: nothing more is kept until there is room", slog.String("dir", l.folder.dir),
			slog.Int64("free_bytes_needed", diskstore.DefaultMinFreeSpace))
	}
	if err != nil {
		l.check(disk)
	}
}

// check takes a cache out of use that has failed for good.
func (l *local) check(disk *diskstore.Store) {
	if err := disk.Err(); err != nil && l.disk.Load() == disk {
		l.fail(err)
	}
}

// forget takes away the copies of the torrents that have these ids.
func (l *local) forget(ids []infohash.ID) {
	disk := l.disk.Load()
	if disk == nil {
		return
	}
	if err := disk.Forget(context.Background(), ids); err != nil {
		l.fail(err)
	}
}

// remove takes away the copies of torrents whose bytes are to leave the disk.
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

// save notes how far the cache knows the feed, unless it is out of use.
func (l *local) save(at *store.Cursor) {
	if at != nil && l.disk.Load() != nil {
		l.note(*at)
	}
}

func (l *local) note(at store.Cursor) {
	if err := l.folder.write(at); err != nil {
		l.options.Logger.Warn("the place in the feed cannot be noted; the local cache will follow from an earlier one", slog.Any("cause", err))
	}
}

// close closes the cache, which is true up to at. That is noted when all of it is on
// the disk.
func (l *local) close(at *store.Cursor) {
	if disk := l.disk.Swap(nil); disk != nil && disk.Close() == nil && at != nil {
		l.note(*at)
	}
}
