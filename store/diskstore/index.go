package diskstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

const (
	indexDir      = "index"
	oldIndexDir   = "index.old" // there while Reindex makes another
	condemnedName = "index.condemned"

	// memTableSize bounds, in bytes, what the index holds in memory before it
	// writes it out. Several may wait while a flush is slow or fails.
	memTableSize = 16 << 20
	memTables    = 8 // at most
)

// Keys of the index: one letter, then an id, or a sequence big endian so that
// the feed is sorted.
const (
	keyID      = 'i'
	keyFeed    = 'f'
	keyState   = 's'
	keySegment = 'g' // and a segment's id: its account
	keyAccess  = 'a' // and a primary id: the day of its last access; alone: a day on which all was used
	keyValue   = 'v' // and a name: a named value
	keyDropped = 'd' // and an id: when its torrent was dropped
)

// index is the Pebble database that finds records. It has no log of its own:
// what it loses in a crash is its newest changes, in whole batches.
type index struct {
	db       *pebble.DB
	fs       *indexFS
	health   *indexHealth
	accounts accounts
	places   *places
	bounded  bool
	hasDrops atomic.Bool // a drop may be known; else none is looked for
	passed   []Missing   // what recovery passed over, since it could not be read or is damaged
	seen     idFilter    // while it is built anew: what ids it has; else nil
}

// openIndex opens or makes the database. A new one has no state. What cannot be
// written, or must not be, goes to memory: [index.detach]. Errors that building it anew
// may mend wrap errBadIndex.
func openIndex(o Options, isThere bool) (*index, error) {
	health := newIndexHealth(o)
	dir := o.FS.PathJoin(o.Dir, indexDir)
	fs, err := newIndexFS(o.FS, dir, health.broke)
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
		return nil, fmt.Errorf("opening the index: %w: %w", errUnreadable, unread)
	case health.writeError() != nil:
		return nil, fmt.Errorf("opening the index: %w: %w", health.writeError(), err)
	default:
		return nil, fmt.Errorf("%w: opening it: %w", errBadIndex, err)
	}
	x := &index{db: db, fs: fs, health: health, places: newPlaces(o.CacheSize / 4), bounded: o.Bounded > 0}
	if err := health.err(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", errBadIndex, err), x.close())
	}
	return x, nil
}

func pebbleOptions(o Options, fs vfs.FS, health *indexHealth) *pebble.Options {
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

// detach has everything written to memory from now on, because of an error: the disk
// stays as it is, reads go on, and the next Open begins where the disk is.
func (x *index) detach(cause error) { _ = x.fs.survive(cause) }

// get returns the entry of id, nil if there is none.
func (x *index) get(id infohash.ID) (*entry, error) {
	if x.seen != nil && x.seen.lacks(id) {
		return nil, x.health.err()
	}
	before := x.places.changes(id)
	e, err := x.read(id)
	if err == nil {
		x.places.keep(id, e, before)
	}
	return e, err
}

// place returns where the record stands of the torrent that has id and is visible, if
// that is known without a look-up.
func (x *index) place(id infohash.ID) (location, bool) {
	if x.health.err() != nil {
		return location{}, false
	}
	at, known := x.places.find(id)
	return at, known
}

// read is get without what is known of places.
func (x *index) read(id infohash.ID) (*entry, error) {
	var key [1 + infohash.SizeV2]byte
	value, err := x.lookUp(id.AppendTo(append(key[:0], keyID)))
	if err != nil || value == nil {
		return nil, err
	}
	e, err := parseEntry(value)
	if err != nil {
		return nil, x.health.condemn(err)
	}
	return e, nil
}

// state returns the account of the log, and whether there is one.
func (x *index) state() (state, bool, error) {
	value, err := x.lookUp([]byte{keyState})
	if err != nil || value == nil {
		return state{}, false, err
	}
	s, err := parseState(value)
	return s, err == nil, err
}

// lookUp returns a copy of the value of key, nil if there is none. Values are
// never empty.
func (x *index) lookUp(key []byte) ([]byte, error) {
	if err := x.health.err(); err != nil {
		return nil, err
	}
	value, closer, err := x.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, x.health.readFailed(err)
	}
	value = append([]byte(nil), value...)
	return value, closer.Close()
}

// commit applies c as one batch: after a crash all of it is there or nothing.
func (x *index) commit(c *changeSet) error {
	if err := x.health.err(); err != nil {
		return err
	}
	batch := x.db.NewBatch()
	defer batch.Close()
	if err := fillBatch(batch, c); err != nil {
		return err
	}
	for id := range c.entries {
		x.places.writing(id) // for good, if what follows fails: then the index is not used any more
	}
	if err := x.db.Apply(batch, pebble.NoSync); err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	// Pebble reports a failed commit to its logger and returns nil.
	if err := x.health.err(); err != nil {
		return err
	}
	x.accounts.update(c.accounts)
	if len(c.drops) > 0 {
		x.hasDrops.Store(true)
	}
	for id, e := range c.entries {
		x.places.written(id, e)
		if x.seen != nil {
			x.seen.add(id)
		}
	}
	return nil
}

func fillBatch(batch *pebble.Batch, c *changeSet) error {
	var errs []error
	for id, e := range c.entries {
		key := id.AppendTo([]byte{keyID})
		if e == nil {
			errs = append(errs, batch.Delete(key, nil))
		} else {
			errs = append(errs, batch.Set(key, e.encode(), nil))
		}
	}
	for _, f := range c.feed {
		errs = append(errs, batch.Set(feedKey(f.sequence), f.encode(), nil))
	}
	for name, v := range c.values {
		errs = append(errs, batch.Set(valueKey(name), v.encode(), nil))
	}
	for segment, a := range c.accounts {
		if a == nil {
			errs = append(errs, batch.Delete(segmentKey(segment), nil))
		} else {
			errs = append(errs, batch.Set(segmentKey(segment), a.encode(), nil))
		}
	}
	for id, d := range c.drops {
		errs = append(errs, batch.Set(droppedKey(id), d.encode(), nil))
	}
	for _, key := range c.fallen {
		errs = append(errs, batch.Delete(key, nil))
	}
	errs = append(errs, batch.Set([]byte{keyState}, c.state.encode(), nil))
	return errors.Join(errs...)
}

func feedKey(sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{keyFeed}, sequence)
}

func segmentKey(segment uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{keySegment}, segment)
}

// flush starts writing what is in memory to files, in the background. The
// channel is closed when that is done; it never is while flushes fail.
func (x *index) flush() (<-chan struct{}, error) {
	flushed, err := x.db.AsyncFlush()
	if err != nil {
		return nil, fmt.Errorf("flushing the index: %w", err)
	}
	return flushed, nil
}

// sync returns once all that was committed before is in files and durable, or
// with an error if that cannot be said.
func (x *index) sync(ctx context.Context) error {
	fails := x.health.flushFails()
	flushed, err := x.flush()
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

// close writes what is in memory to files, unless that fails, and closes the
// database. What is not written comes from the segments at the next Open.
func (x *index) close() error {
	if x.health.err() != nil {
		return x.db.Close()
	}
	fails := x.health.flushFails()
	flushed, err := x.flush()
	if err != nil {
		return errors.Join(err, x.db.Close())
	}
	select {
	case <-flushed:
	case <-fails:
	}
	return x.db.Close()
}

// isStuffed reports whether so much waits in memory to be written that more must not
// come while that fails: at twice as many tables it would wait until it succeeds.
func (x *index) isStuffed() bool { return x.db.Metrics().MemTable.Count >= memTables/2 }

// diskUsed returns the bytes that the index's files take.
func (x *index) diskUsed() int64 { return int64(x.db.Metrics().DiskSpaceUsage()) }
