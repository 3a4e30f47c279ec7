package index

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/infohash"
)

// SetAccesses writes the days on which torrents were used, and the floor unless it is zero.
func (x *Index) SetAccesses(days map[infohash.ID]uint32, floor uint32) error {
	batch := x.db.NewBatch()
	defer batch.Close()
	for id, on := range days {
		// Set of a batch in memory does not fail.
		_ = batch.Set(accessKey(id), encodeDay(on), nil)
	}
	if floor > 0 {
		_ = batch.Set([]byte{keyAccess}, encodeDay(floor), nil)
	}
	return x.db.Apply(batch, pebble.NoSync)
}

func encodeDay(on uint32) []byte { return binary.LittleEndian.AppendUint32(nil, on) }

// Access returns the last known day on which a torrent was used, by its primary id; 0 if
// unknown. The zero id stands for the floor.
func (x *Index) Access(primary infohash.ID) (uint32, error) {
	value, err := x.lookUp(accessKey(primary))
	if err != nil || len(value) != 4 {
		return 0, err
	}
	return binary.LittleEndian.Uint32(value), nil
}

// EachRead calls visit for every readable torrent, in the order of primary ids, with the last
// known day of a read; 0 if unknown. It reads the whole index in one pass, because days of
// access and entries have the same order. It may or may not see concurrent changes.
func (x *Index) EachRead(ctx context.Context, visit func(e *Entry, day uint32) error) error {
	read, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyAccess, 0}, UpperBound: []byte{keyAccess + 1}})
	if err != nil {
		return x.health.readFailed(err)
	}
	there, n := read.First(), 0
	err = x.each(keyID, func(key, value []byte) error {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e, err := parseEntry(value)
		if err != nil || !e.Visible() || !isPrimary(key[1:], e) {
			return err
		}
		for there && bytes.Compare(read.Key()[1:], key[1:]) < 0 {
			there = read.Next()
		}
		day := uint32(0)
		if there && bytes.Equal(read.Key()[1:], key[1:]) && len(read.Value()) == 4 {
			day = binary.LittleEndian.Uint32(read.Value())
		}
		return visit(e, day)
	})
	if failed := read.Error(); failed != nil {
		err = errors.Join(err, x.health.readFailed(failed))
	}
	return errors.Join(err, read.Close())
}

// isPrimary reports whether the bytes of an id are the primary id of e.
func isPrimary(id []byte, e *Entry) bool {
	var b [infohash.SizeV2]byte
	return bytes.Equal(id, e.IDs.Primary().AppendTo(b[:0]))
}
