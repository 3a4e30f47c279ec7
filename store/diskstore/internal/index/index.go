package index

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
)

const (
	// memTableSize bounds, in bytes, what the index holds in memory before it
	// writes it out. Several may wait while a flush is slow or fails.
	memTableSize = 16 << 20
	memTables    = 8 // at most
)

// Index is the Pebble database that finds records. It has no log of its own:
// what it loses in a crash is its newest changes, in whole batches. Safe for concurrent use,
// but for Commit, which one goroutine calls at a time.
type Index struct {
	db       *pebble.DB
	fs       *pebbleFS
	health   *health
	accounts accounts
	places   *places
	hasDrops atomic.Bool // a drop may be known; else none is looked for
	seen     idFilter    // while it is built anew: what ids it has; else nil
}

// Options say where an index is, and how it is to be opened.
type Options struct {
	FS     vfs.FS
	Dir    string // of the store, in which the index has a folder
	Logger *slog.Logger
	// CacheSize is how many bytes of memory its caches take: a quarter for places of
	// records, the rest for blocks of its files.
	CacheSize int64
	ReadOnly  bool // nothing is written to the disk
}

var (
	// ErrUnusable says that the index cannot be used, but can be built anew.
	ErrUnusable = errors.New("index not usable")
	// errReadOnly says why a store that was opened so takes no changes.
	errReadOnly = errors.New("it was opened for reading alone")
)

// Open opens the database, or makes one, which it also does if the one that may be there
// is not to be looked at. A new one has no state. What cannot be written, or must not be, goes
// to memory: [Index.Detach]. Errors that building it anew may mend wrap ErrUnusable; those of
// a read that failed wrap files.ErrUnreadable. It is not ready before [Index.LoadAccounts].
func Open(o Options, isThere bool) (*Index, error) {
	health := newHealth(o)
	dir := o.FS.PathJoin(o.Dir, files.IndexDir)
	fs, err := newPebbleFS(o.FS, dir, health.broke)
	if err != nil {
		return nil, err
	}
	if o.ReadOnly {
		fs.hide(isThere)
		health.broke(errReadOnly)
	}
	db, err := pebble.Open(dir, pebbleOptions(o, fs, health))
	switch unread := fs.readError(); {
	case err == nil:
	case unread != nil:
		return nil, fmt.Errorf("opening the index: %w: %w", files.ErrUnreadable, unread)
	case health.writeError() != nil:
		return nil, fmt.Errorf("opening the index: %w: %w", health.writeError(), err)
	default:
		return nil, fmt.Errorf("%w: opening it: %w", ErrUnusable, err)
	}
	x := &Index{db: db, fs: fs, health: health, places: newPlaces(o.CacheSize / 4)}
	if err := health.err(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrUnusable, err), x.Close())
	}
	return x, nil
}

func pebbleOptions(o Options, fs vfs.FS, health *health) *pebble.Options {
	// The oldest format: raising it makes Open schedule compactions, and an Open
	// that then fails (Pebble 2.1.7) takes away the files from under them.
	options := &pebble.Options{
		FS:                          fs,
		CacheSize:                   o.CacheSize - o.CacheSize/4,
		DisableWAL:                  true,
		FormatMajorVersion:          pebble.FormatMinSupported,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: memTables,
		L0StopWritesThreshold:       1000, // slow reads are better than no writes
		Logger:                      health,
		EventListener:               health.listener(),
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // most ids asked for are unknown
	}
	return options
}

// Started ends the start, in which the index is brought up to the segments: from now on
// tables that cannot be written are written again, and not given up.
func (x *Index) Started() { x.fs.started() }

// Detach has everything written to memory from now on, because of an error: the disk
// stays as it is, reads go on, and the next Open begins where the disk is.
func (x *Index) Detach(cause error) { _ = x.fs.survive(cause) }

// Flush starts writing what is in memory to files, in the background. The
// channel is closed when that is done; it never is while flushes fail.
func (x *Index) Flush() (<-chan struct{}, error) {
	flushed, err := x.db.AsyncFlush()
	if err != nil {
		return nil, fmt.Errorf("flushing the index: %w", err)
	}
	return flushed, nil
}

// Sync returns once all that was committed before is in files and durable, or
// with an error if that cannot be said.
func (x *Index) Sync(ctx context.Context) error {
	fails := x.health.flushFails()
	flushed, err := x.Flush()
	if err != nil {
		return err
	}
	select {
	case <-flushed:
	case <-fails:
		return fmt.Errorf("%w: the index cannot be written", store.ErrUnavailable)
	case <-ctx.Done():
		return ctx.Err()
	}
	// Once it is broken the index writes to memory, and says that all is well.
	return errors.Join(x.health.err(), x.health.writeError())
}

// Close writes what is in memory to files, unless that fails, and closes the
// database. What is not written comes from the segments at the next Open.
func (x *Index) Close() error {
	if x.health.err() != nil {
		return x.db.Close()
	}
	fails := x.health.flushFails()
	flushed, err := x.Flush()
	if err != nil {
		return errors.Join(err, x.db.Close())
	}
	select {
	case <-flushed:
	case <-fails:
	}
	return x.db.Close()
}

// IsStuffed reports whether so much waits in memory to be written that more must not
// come while that fails: at twice as many tables it would wait until it succeeds.
func (x *Index) IsStuffed() bool { return x.db.Metrics().MemTable.Count >= memTables/2 }

// DiskUsed returns the bytes that the index's files take.
func (x *Index) DiskUsed() int64 { return int64(x.db.Metrics().DiskSpaceUsage()) }
