package diskstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// syncedName is the file of the mark.
const syncedName = "synced"

// markEvery is how often a mark is written, if there is anything to say.
const markEvery = time.Second

// mark returns that of a state, which is durable.
func (s state) mark() format.Mark {
	return format.Mark{Store: s.store, Segment: s.segment, Offset: s.offset}
}

// readMark returns the mark of a store, a zero one if there is none that can be read.
func readMark(o Options, id format.StoreID) (format.Mark, error) {
	m, err := readAnyMark(o)
	if err != nil || m.Store != id {
		return format.Mark{}, err
	}
	return m, nil
}

// readAnyMark is readMark for whatever store the mark is of.
func readAnyMark(o Options) (format.Mark, error) {
	f, err := o.FS.Open(o.FS.PathJoin(o.Dir, syncedName))
	if errors.Is(err, os.ErrNotExist) {
		return format.Mark{}, nil
	}
	if err != nil {
		return format.Mark{}, err
	}
	defer f.Close()
	var b [format.MarkSize]byte
	switch err := readFull(f, b[:], 0); {
	case errors.Is(err, format.ErrBadRecord), err != nil && o.GiveUp:
		return format.Mark{}, nil
	case err != nil:
		return format.Mark{}, fmt.Errorf("reading %s: %w", syncedName, err)
	}
	m, ok := format.ParseMark(b[:])
	if !ok {
		return format.Mark{}, nil
	}
	return m, nil
}

// provenBy returns the offset through which m proves that s, the last segment, was
// synced.
func (s *segment) provenBy(m format.Mark) int64 {
	if m.Segment != s.id {
		return 0
	}
	return min(m.Offset, s.size)
}

// endsBefore reports whether some of the log is missing behind s, the last segment, as m says.
func (s *segment) endsBefore(m format.Mark) bool {
	return m.Segment > s.id || m.Segment == s.id && m.Offset > s.size
}

// keepMark writes marks until ctx ends.
func (s *Store) keepMark(ctx context.Context) {
	ticker := time.NewTicker(markEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.noteSynced()
		}
	}
}

// noteSynced writes a mark, unless the last one says the same. One that cannot be
// written leaves it to the records to tell.
func (s *Store) noteSynced() {
	m := s.committer.stats().mark()
	s.marking.Lock()
	defer s.marking.Unlock()
	if m == s.marked {
		return
	}
	if err := writeMark(s.options.FS, s.options.Dir, m, s.marked == format.Mark{}); err != nil {
		s.options.Logger.Debug("it could not be noted how far the log is synced", slog.Any("error", err))
		return
	}
	s.marked = m
}
