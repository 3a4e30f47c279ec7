package diskstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"time"
)

// syncedName is the file of the mark.
const syncedName = "synced"

// markEvery is how often a mark is written, if there is anything to say.
const markEvery = time.Second

// mark says how far the log was on disk when it was written. A record tells that
// of those before it; the mark tells it of the last ones, behind which nothing is
// written any more. It is a hint: it may be old, or not be there, but what it
// says is true for ever, since nothing is written twice.
type mark struct {
	store   storeID
	segment uint64
	offset  int64
}

var markMagic = [8]byte{0xF7, 'T', 'C', 's', 'y', 'n', '\r', '\n'}

const (
	markVersion = 1
	markSize    = 8 + 2 + 6 + 16 + 8 + 8 + 4
)

// mark returns that of a state, which is durable.
func (s state) mark() mark { return mark{s.store, s.segment, s.offset} }

func (m mark) encode() []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, markSize), markMagic[:]...)
	b = le.AppendUint16(b, markVersion)
	b = append(b, 0, 0, 0, 0, 0, 0)
	b = append(b, m.store[:]...)
	b = le.AppendUint64(b, m.segment)
	b = le.AppendUint64(b, uint64(m.offset))
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parseMark reads what encode wrote, which is all of b, and reports whether it is that.
func parseMark(b []byte) (mark, bool) {
	if len(b) != markSize {
		return mark{}, false
	}
	le := binary.LittleEndian
	m := mark{store: storeID(b[16:32]), segment: le.Uint64(b[32:]), offset: int64(le.Uint64(b[40:]))}
	return m, m.offset >= 0 && bytes.Equal(m.encode(), b)
}

// readMark returns the mark of a store, a zero one if there is none that can be read.
func readMark(o Options, id storeID) (mark, error) {
	m, err := readAnyMark(o)
	if err != nil || m.store != id {
		return mark{}, err
	}
	return m, nil
}

// readAnyMark is readMark for whatever store the mark is of.
func readAnyMark(o Options) (mark, error) {
	f, err := o.FS.Open(o.FS.PathJoin(o.Dir, syncedName))
	if errors.Is(err, os.ErrNotExist) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	defer f.Close()
	var b [markSize]byte
	switch err := readFull(f, b[:], 0); {
	case errors.Is(err, errBadRecord), err != nil && o.GiveUp:
		return mark{}, nil
	case err != nil:
		return mark{}, fmt.Errorf("reading %s: %w", syncedName, err)
	}
	m, ok := parseMark(b[:])
	if !ok {
		return mark{}, nil
	}
	return m, nil
}

// proves returns the offset through which m proves that s, the last segment, was
// synced.
func (m mark) proves(s *segment) int64 {
	if m.segment != s.id {
		return 0
	}
	return min(m.offset, s.size)
}

// exceeds reports whether some of the log is missing behind s, the last segment.
func (m mark) exceeds(s *segment) bool {
	return m.segment > s.id || m.segment == s.id && m.offset > s.size
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
	if err := writeMark(s.options.FS, s.options.Dir, m, s.marked == mark{}); err != nil {
		s.options.Logger.Debug("it could not be noted how far the log is synced", slog.Any("error", err))
		return
	}
	s.marked = m
}
