package diskstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// errReadOnly says why a store that was opened so takes no changes.
var errReadOnly = errors.New("it was opened for reading alone")

// Store is a [store.Store] on disk. Safe for concurrent use.
type Store struct {
	options   Options
	id        format.StoreID
	epoch     uint64
	lock      io.Closer
	segments  *segments
	index     *index
	committer *committer
	accesses  *accesses
	noting    sync.Mutex // held while accesses go into the index

	// life is held for reading by every call and for writing by Close, which so
	// waits for them.
	life   sync.RWMutex
	closed bool

	closing context.Context // ended by Close
	stop    context.CancelFunc
	tending sync.WaitGroup // the work in the background
	turn    chan struct{}  // holds a token while somebody compacts or makes a backup
	spare   *spare
	oldest  atomic.Uint32           // the day of the last use of the torrent used longest ago; 0 if it is not known
	stuck   atomic.Bool             // there was nothing to evict when the store was full
	missing atomic.Pointer[missing] // what was missing when it was opened, and is not given up

	foundMissing []Missing // the same, as it was told then
	settled      []uint64  // segments that were missing, of which nothing is needed
	returned     []uint64  // segments that were given up and are there again

	marking sync.Mutex
	marked  format.Mark // the last that was written; guarded by marking
}

var _ store.Store = (*Store)(nil)

// Open opens the store in o.Dir, or makes it. After a crash it first reads
// what the index missed, at most about 256 MiB of the log; without a usable
// index it reads the headers of all records. Errors wrap ErrLocked, ErrNoLock, a
// *[ForeignFilesError] or ErrNewerFormat where that is the cause.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("opening the store: Options.Dir is empty")
	}
	if o.FS == nil {
		// The lock knows a folder by its name.
		dir, err := filepath.Abs(o.Dir)
		if err != nil {
			return nil, fmt.Errorf("opening the store: %w", err)
		}
		o.Dir = dir
	}
	o = o.withDefaults()
	if err := errors.Join(checkBound(o), checkRetention(o)); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	s, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("opening the store in %s: %w", o.Dir, err)
	}
	go s.committer.run()
	if o.ReadOnly {
		return s, nil
	}
	if err := s.saveKnown(s.closing); err != nil && o.noteLost {
		return nil, errors.Join(err, s.Close())
	} else if err != nil {
		o.Logger.Warn("what is known of the missing parts stands in the index alone; writing it into the log is tried again when the store is opened",
			slog.Any("error", err))
	}
	s.tending.Go(func() { s.tend(s.closing) })
	s.tending.Go(func() { s.keepAccesses(s.closing) })
	if o.Bounded > 0 {
		s.noteSynced() // without a mark it is not opened again
	}
	s.tending.Go(func() { s.keepMark(s.closing) })
	return s, nil
}

func open(o Options) (*Store, error) {
	if err := checkFolder(o.FS, o.Dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(o)
	if err != nil {
		return nil, err
	}
	s := &Store{options: o, lock: lock, segments: newSegments(o), accesses: newAccesses(), turn: make(chan struct{}, 1)}
	s.missing.Store(&missing{})
	s.closing, s.stop = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// lockFolder makes the folder of o, and takes its lock. To read alone neither is made, and
// a lock that is there is taken only if that is allowed.
func lockFolder(o Options) (io.Closer, error) {
	if !o.ReadOnly {
		if err := makeDir(o.FS, o.Dir); err != nil {
			return nil, err
		}
		return takeLock(o.FS, o.Dir)
	}
	there, err := exists(o.FS, o.FS.PathJoin(o.Dir, lockName))
	if err != nil {
		return nil, err
	}
	if there {
		lock, err := takeLock(o.FS, o.Dir)
		if err == nil || errors.Is(err, ErrLocked) {
			return lock, err
		}
		if isSystem(o.FS) && isLockHeld(o.FS.PathJoin(o.Dir, lockName)) {
			return nil, ErrLocked
		}
	}
	return io.NopCloser(nil), nil
}

// start opens all that s keeps open, and recovers.
func (s *Store) start() error {
	restored, err := checkBackup(s.options)
	if err != nil {
		return err
	}
	s.spare = openSpare(s.options)
	list, id, err := s.segments.load(s.options)
	if err != nil {
		return err
	}
	if restored {
		id.epoch = max(id.epoch+1, uint64(s.options.Clock().Unix()))
	}
	s.id, s.epoch = id.store, id.epoch
	x, now, clean, err := catchUp(s.options, id, list)
	if err != nil {
		return err
	}
	s.index = x
	// The header of the next segment makes a new epoch stay.
	s.committer = newCommitter(s.options, x, s.segments, list[len(list)-1], now)
	s.committer.spare, s.committer.accesses = s.spare, s.accesses
	if err := s.startAccesses(); err != nil {
		return err
	}
	if last := list[len(list)-1]; last.id != now.segment { // those behind it are missing
		s.segments.seal(last, last.size)
	}
	if err := s.findMissing(); err != nil {
		return err
	}
	if s.options.ReadOnly {
		return nil
	}
	return s.startWriting(clean, restored)
}

// startWriting begins a segment unless the last one ended well. Where nothing can be
// written reads are served all the same.
func (s *Store) startWriting(clean, restored bool) error {
	cause := s.index.health.writeError()
	if cause == nil && (restored || !clean) {
		cause = s.committer.begin()
		if cause != nil && errors.Is(refusal(cause), store.ErrFull) && s.spare.release() {
			cause = s.committer.begin()
		}
	}
	if cause != nil {
		s.options.Logger.Error("nothing can be written: reads are served, changes are refused until the store is opened again", slog.Any("error", cause))
		s.index.detach(cause)
		return nil
	}
	if restored {
		return removeFile(s.options.FS, s.options.Dir, backupName)
	}
	return nil
}

// newCommitter returns one that continues in the segment last, after a clean end. It
// does not start it.
func newCommitter(o Options, x *index, all *segments, last *segment, now state) *committer {
	return &committer{
		options:   o,
		queue:     newQueue(),
		index:     x,
		segments:  all,
		active:    last,
		reserved:  now.offset,
		durable:   now.offset,
		state:     now,
		published: now,
		synced:    make(chan error, 1),
		stopped:   make(chan struct{}),
	}
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.stop() // what runs long ends early
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.tending.Wait()
	if !s.options.ReadOnly {
		s.noteAccesses()
	}
	s.committer.queue.close()
	<-s.committer.stopped
	if !s.options.ReadOnly {
		s.noteSynced()
	}
	if err := s.release(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// release closes what is open. The lock comes last.
func (s *Store) release() error {
	var errs []error
	if s.index != nil {
		errs = append(errs, s.index.close())
	}
	errs = append(errs, s.segments.close(), s.lock.Close())
	return errors.Join(errs...)
}

// enter begins a call, which must end with leave unless it returns an error.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return fmt.Errorf("%w: closed", store.ErrUnavailable)
	}
	return nil
}

func (s *Store) leave() { s.life.RUnlock() }

// Err returns why the store takes no more changes until it is opened again, nil
// if it takes them. A full disk is no such reason.
func (s *Store) Err() error {
	if err := s.index.health.err(); err != nil {
		return err
	}
	if err := s.index.health.writeError(); err != nil {
		return err
	}
	return s.committer.failure()
}
