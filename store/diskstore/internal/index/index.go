// Package index finds the records of a disk store. It is a Pebble database that maps each id to the
// place of its record, and holds the state that must be known without reading the log. It knows how
// this is stored; package commit defines the meaning of records.
//
// Each table has a file of this package: entries by id, the feed by sequence, accounts by
// segment, days of access by primary id, values by name, drops by id, and the [State] of the
// log. One [Batch] changes them together, so that they always agree.
//
// The index has no log of its own. A crash loses its newest batches, each as a whole, and its
// state says from where the segments must be read again. So it may be deleted at any time with
// [Remove]. It is never ahead of the segments as long as changes were synced there first.
//
// When the disk takes no more writes, the index continues in memory to serve reads, and
// [Index.WriteError] says that changes must end. A damaged index answers nothing any more, and
// leaves a note that it must be rebuilt.
package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
)

const (
	// memTableSize is the size in bytes of a memtable, which Pebble then flushes. Several may
	// wait while a flush is slow or fails.
	memTableSize = 16 << 20
	memTables    = 8 // at most
)

// Index is the Pebble database that finds records. It is safe for concurrent use, except for
// Commit, which one goroutine calls at a time.
type Index struct {
	db       *pebble.DB
	fs       *pebbleFS
	health   *health
	accounts accounts
	places   *places
	hasDrops atomic.Bool // whether there may be drops; if not, look-ups skip them
	seen     idFilter    // during a rebuild, the ids added so far; else nil
}

// Options configure an index.
type Options struct {
	FS     vfs.FS
	Dir    string // of the store; the index has a folder in it
	Logger *slog.Logger
	// CacheSize is the memory for its caches, in bytes: a quarter for places of records, the
	// rest for blocks of its files.
	CacheSize int64
	ReadOnly  bool // nothing is written to the disk
}

var (
	// ErrUnusable says that the index cannot be used, but can be rebuilt.
	ErrUnusable = errors.New("index not usable")
	// errReadOnly says why a read-only store takes no changes.
	errReadOnly = errors.New("the store was opened read-only")
)

// Open opens the database. If there is none, it creates one, which has no state. A read-only Open
// with isThere false ignores one that may be there. Writes that fail or are forbidden go to memory:
// see [Index.Detach]. Errors that a rebuild may fix wrap ErrUnusable; those of a failed read wrap
// files.ErrUnreadable. The index is not ready before [Index.LoadAccounts].
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
	// The oldest format: a newer one makes Open schedule compactions, and if Open then fails
	// (Pebble 2.1.7), it deletes the files they use.
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
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // most requested ids are unknown
	}
	return options
}

// Started ends the start-up phase, in which recovery updates the index. From then on Pebble
// retries tables that cannot be written.
func (x *Index) Started() { x.fs.started() }

// Detach directs all writes to memory from now on, because of an error. The disk stays as it is,
// reads go on, and the next Open continues from the disk.
func (x *Index) Detach(cause error) { _ = x.fs.survive(cause) }

// Flush starts writing memtables to files, in the background. The channel is closed when that is
// done; it never is while flushes fail.
func (x *Index) Flush() (<-chan struct{}, error) {
	flushed, err := x.db.AsyncFlush()
	if err != nil {
		return nil, fmt.Errorf("flushing the index: %w", err)
	}
	return flushed, nil
}

// Sync returns nil once all earlier commits are durable in files, or an error if that cannot be
// said.
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
	// A broken file system writes to memory and reports success.
	return errors.Join(x.health.err(), x.health.writeError())
}

// Close flushes memtables to files, unless that fails, and closes the database. The next Open
// reads any rest from the segments.
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

// IsStuffed reports whether the memtables take no more changes while flushes fail: at twice as
// many tables a commit would block until a flush succeeds.
func (x *Index) IsStuffed() bool { return x.db.Metrics().MemTable.Count >= memTables/2 }

// DiskUsed returns the size of the index's files in bytes.
func (x *Index) DiskUsed() int64 { return int64(x.db.Metrics().DiskSpaceUsage()) }

// Keys of the index: one letter, then an id, or a big-endian sequence so that the feed is
// sorted.
const (
	keyID      = 'i'
	keyFeed    = 'f'
	keyState   = 's'
	keySegment = 'g' // and a segment's id: its account
	keyAccess  = 'a' // and a primary id: the day of its last access; alone: a day on which all was used
	keyValue   = 'v' // and a name: a named value
	keyDropped = 'd' // and an id: when its torrent was dropped
)

func entryKey(id infohash.ID) []byte { return id.AppendTo([]byte{keyID}) }

func feedKey(sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{keyFeed}, sequence)
}

func segmentKey(segment uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{keySegment}, segment)
}

func accessKey(primary infohash.ID) []byte { return primary.AppendTo([]byte{keyAccess}) }

func valueKey(name string) []byte { return append([]byte{keyValue}, name...) }

func dropKey(id infohash.ID) []byte { return id.AppendTo([]byte{keyDropped}) }
