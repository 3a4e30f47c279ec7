package diskstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/recovery"
)

// Errors of Open. With any of them the store was not changed.
var (
	// ErrLocked says that another process, or this one, has the store open.
	ErrLocked = files.ErrLocked
	// ErrNoLock says that taking the lock failed, for example for lack of permission. The store
	// may be open elsewhere or not.
	ErrNoLock = files.ErrNoLock
	// ErrNewerFormat says that a newer version of the program wrote the files.
	ErrNewerFormat = format.ErrNewerFormat
)

// ForeignFilesError says that the folder holds files of something other than a store.
type ForeignFilesError = files.ForeignFilesError

// Open opens the store in o.Dir, or creates it. After a crash it first reads the part of the log
// that the index missed, at most about 256 MiB. Without a usable index it reads the headers of
// all records. Errors wrap ErrLocked, ErrNoLock, a *[ForeignFilesError] or ErrNewerFormat where
// that is the cause.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("opening the store: Options.Dir is empty")
	}
	if o.FS == nil {
		// The lock identifies a folder by its path.
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
	go s.committer.Run()
	if o.ReadOnly {
		return s, nil
	}
	if err := s.saveKnown(s.closing); err != nil && o.noteLost {
		return nil, errors.Join(err, s.Close())
	} else if err != nil {
		o.Logger.Warn("only the index knows of the missing parts; the next start of the store tries again to write that into the log",
			slog.Any("error", err))
	}
	s.tending.Go(func() { s.tend(s.closing) })
	s.tending.Go(func() { s.keepAccesses(s.closing) })
	if o.Bounded > 0 {
		s.noteSynced() // a bounded store without a mark is not opened again
	}
	s.tending.Go(func() { s.keepMark(s.closing) })
	return s, nil
}

func open(o Options) (*Store, error) {
	if err := files.CheckFolder(o.FS, o.Dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(o)
	if err != nil {
		return nil, err
	}
	s := &Store{options: o, lock: lock, segments: log.New(o.logOptions()), accesses: commit.NewAccesses(), turn: make(chan struct{}, 1)}
	s.missing.Store(&missing{})
	s.closing, s.stop = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// lockFolder creates the folder of o and takes its lock. A read-only store creates neither, and
// takes an existing lock only if it has permission to.
func lockFolder(o Options) (io.Closer, error) {
	if !o.ReadOnly {
		if err := files.MakeDir(o.FS, o.Dir); err != nil {
			return nil, err
		}
		return files.Lock(o.FS, o.Dir)
	}
	there, err := files.Exists(o.FS, o.FS.PathJoin(o.Dir, files.LockName))
	if err != nil {
		return nil, err
	}
	if there {
		lock, err := files.Lock(o.FS, o.Dir)
		if err == nil || errors.Is(err, ErrLocked) {
			return lock, err
		}
		if files.IsSystem(o.FS) && files.IsLockHeld(o.FS.PathJoin(o.Dir, files.LockName)) {
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
	s.spare = commit.OpenSpare(s.options.commitOptions())
	list, id, err := s.segments.Load(s.options.recoverOptions().Remembered)
	if err != nil {
		return err
	}
	if restored {
		id.Epoch = max(id.Epoch+1, uint64(s.options.Clock().Unix()))
	}
	s.id, s.epoch = id.Store, id.Epoch
	now, err := recovery.CatchUp(s.options.recoverOptions(), id, list)
	if err != nil {
		return err
	}
	s.index, s.passed = now.Index, now.Passed
	// The header of the next segment makes a new epoch permanent.
	s.committer = commit.New(s.options.commitOptions(), s.index, s.segments, list[len(list)-1], now.State, s.spare, s.accesses)
	if err := s.startAccesses(); err != nil {
		return err
	}
	if last := list[len(list)-1]; last.ID != now.State.Segment { // the segments after it are missing
		s.segments.Seal(last, last.Size)
	}
	if err := s.findMissing(); err != nil {
		return err
	}
	if s.options.ReadOnly {
		return nil
	}
	return s.startWriting(now.Clean, restored)
}

// startWriting begins a segment unless the last one ended cleanly. If nothing can be written,
// the store still serves reads.
func (s *Store) startWriting(clean, restored bool) error {
	cause := s.index.WriteError()
	if cause == nil && (restored || !clean) {
		cause = s.committer.Begin()
		if cause != nil && errors.Is(files.Refusal(cause), store.ErrFull) && s.spare.Release() {
			cause = s.committer.Begin()
		}
	}
	if cause != nil {
		s.options.Logger.Error("nothing can be written: reads are served, changes are refused until the store is opened again", slog.Any("error", cause))
		s.index.Detach(cause)
		return nil
	}
	if restored {
		return files.Remove(s.options.FS, s.options.Dir, files.BackupName)
	}
	return nil
}
