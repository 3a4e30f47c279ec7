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

// Store is a [store.Store] on disk. Safe for concurrent use.
type Store struct {
	options   Options
	id        format.StoreID
	epoch     uint64
	lock      io.Closer
	segments  *log.Segments
	index     *index.Index
	committer *commit.Committer
	accesses  *commit.Accesses
	noting    sync.Mutex // held while accesses go into the index

	// life is held for reading by every call and for writing by Close, which so
	// waits for them.
	life   sync.RWMutex
	closed bool

	closing context.Context // ended by Close
	stop    context.CancelFunc
	tending sync.WaitGroup // the work in the background
	turn    chan struct{}  // holds a token while somebody compacts or makes a backup
	spare   *commit.Spare
	oldest  atomic.Uint32           // the day of the last use of the torrent used longest ago; 0 if it is not known
	stuck   atomic.Bool             // there was nothing to evict when the store was full
	missing atomic.Pointer[missing] // what was missing when it was opened, and is not given up

	foundMissing []Missing      // the same, as it was told then
	passed       []format.Place // where the parts of the log begin that recovery passed over
	settled      []uint64       // segments that were missing, of which nothing is needed
	returned     []uint64       // segments that were given up and are there again

	marking sync.Mutex
	marked  format.Mark // the last that was written; guarded by marking
}

var _ store.Store = (*Store)(nil)

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
	s.committer.Stop()
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
		errs = append(errs, s.index.Close())
	}
	errs = append(errs, s.segments.Close(), s.lock.Close())
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
	if err := s.index.Err(); err != nil {
		return err
	}
	if err := s.index.WriteError(); err != nil {
		return err
	}
	return s.committer.Failure()
}
