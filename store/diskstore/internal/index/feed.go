package index

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// FeedEntry is one change of the feed and its sequence.
type FeedEntry struct {
	Sequence uint64
	Names    format.Names
	At       format.Place // of the record of a word; else zero
	Change   store.Change
}

// feedFixed is the size in bytes of an encoded FeedEntry without the ids.
const feedFixed = 2 + 8 + 8 + 8 + 4

// encode returns the value that the index stores for f: kind, names, Unix time, the place of a
// word, and the ids.
func (f FeedEntry) encode() []byte {
	le := binary.LittleEndian
	b := []byte{byte(f.Change.Kind), byte(f.Names)}
	b = le.AppendUint64(b, uint64(f.Change.Time.Unix()))
	b = le.AppendUint64(b, f.At.Segment)
	b = le.AppendUint64(b, uint64(f.At.Offset))
	b = le.AppendUint32(b, f.At.Length)
	return appendSet(b, f.Change.IDs)
}

// parseFeedEntry decodes a key of the feed and the result of encode.
func parseFeedEntry(key, b []byte) (FeedEntry, error) {
	if len(key) != 9 || len(b) < feedFixed {
		return FeedEntry{}, ErrBadEntry
	}
	le := binary.LittleEndian
	f := FeedEntry{Sequence: binary.BigEndian.Uint64(key[1:]), Names: format.Names(b[1])}
	ids, rest, err := parseSet(b[feedFixed:], f.Names)
	if err != nil || len(rest) != 0 {
		return FeedEntry{}, ErrBadEntry
	}
	f.Change = store.Change{Kind: store.ChangeKind(b[0]), IDs: ids, Time: time.Unix(int64(le.Uint64(b[2:])), 0).UTC()}
	f.At = format.Place{Segment: le.Uint64(b[10:]), Offset: int64(le.Uint64(b[18:])), Length: le.Uint32(b[26:])}
	return f, nil
}

// Told returns the feed entry of a sequence, or ErrBadEntry if there is none.
func (x *Index) Told(sequence uint64) (FeedEntry, error) {
	key := feedKey(sequence)
	b, err := x.lookUp(key)
	if err != nil {
		return FeedEntry{}, err
	}
	return parseFeedEntry(key, b)
}

// Changes returns up to limit changes with a sequence above after, in order,
// and the sequence of the last.
func (x *Index) Changes(after uint64, limit int) (changes []store.Change, last uint64, err error) {
	if err := x.health.err(); err != nil {
		return nil, after, err
	}
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: append(feedKey(after), 0), UpperBound: []byte{keyFeed + 1}})
	if err != nil {
		return nil, after, x.health.readFailed(err)
	}
	last = after
	for ok := it.First(); ok && len(changes) < limit; ok = it.Next() {
		f, err := parseFeedEntry(it.Key(), it.Value())
		if err != nil {
			return nil, after, errors.Join(x.health.condemn(err), it.Close())
		}
		changes = append(changes, f.Change)
		last = f.Sequence
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, after, x.health.readFailed(err)
	}
	return changes, last, nil
}

// FirstAfter returns the time of the first change with a sequence above after; the zero
// time if there is none.
func (x *Index) FirstAfter(after uint64) (time.Time, error) {
	changes, _, err := x.Changes(after, 1)
	if err != nil || len(changes) == 0 {
		return time.Time{}, err
	}
	return changes[0].Time, nil
}

// WordsIn returns the feed entries of words whose records are in a part of the log. It reads the
// whole feed.
func (x *Index) WordsIn(in Region) (words []FeedEntry, err error) {
	return words, x.each(keyFeed, func(key, value []byte) error {
		f, err := parseFeedEntry(key, value)
		if err == nil && f.At.Segment != 0 && in(f.At) {
			words = append(words, f)
		}
		return err
	})
}
