package diskstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// Store is a [store.Store] on disk. It is safe for concurrent use.
type Store struct {
	options   Options
	id        format.StoreID
	epoch     uint64
	lock      io.Closer
	segments  *log.Segments
	index     *index.Index
	committer *commit.Committer
	accesses  *commit.Accesses
	noting    sync.Mutex // held while accesses are written to the index

	// Every call holds life for reading, and Close for writing, so Close waits for the calls.
	life   sync.RWMutex
	closed bool

	closing context.Context // ended by Close
	stop    context.CancelFunc
	tending sync.WaitGroup // the background work
	turn    chan struct{}  // holds a token during a compaction or a backup
	spare   *commit.Spare
	oldest  atomic.Uint32           // day of the last use of the least recently used torrent; 0 if unknown
	stuck   atomic.Bool             // the last eviction found nothing to drop
	missing atomic.Pointer[missing] // missing parts found on opening, unless given up since

	foundMissing []Missing      // the missing parts as reported on opening
	passed       []format.Place // begins of the parts of the log that recovery skipped
	settled      []uint64       // missing segments that nothing needs
	returned     []uint64       // segments that were given up and came back

	marking sync.Mutex
	marked  format.Mark // the last mark written; guarded by marking
}

var _ store.Store = (*Store)(nil)

// Close implements [store.Store].
func (s *Store) Close() error {
	s.stop() // ends long calls early
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
	s.committer.Stop()
	if !s.options.ReadOnly {
		s.noteSynced()
	}
	if err := s.release(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// release closes all files and the index, and then the lock.
func (s *Store) release() error {
	var errs []error
	if s.index != nil {
		errs = append(errs, s.index.Close())
	}
	errs = append(errs, s.segments.Close(), s.lock.Close())
	return errors.Join(errs...)
}

// enter begins a call. Unless it returns an error, the caller must call leave.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return fmt.Errorf("%w: the store is closed", store.ErrUnavailable)
	}
	return nil
}

func (s *Store) leave() { s.life.RUnlock() }

// Err returns why the store takes no more changes until it is opened again; nil if it takes
// them. A full disk is not such a reason.
func (s *Store) Err() error {
	if err := s.index.Err(); err != nil {
		return err
	}
	if err := s.index.WriteError(); err != nil {
		return err
	}
	return s.committer.Failure()
}
