package s3store

import (
	"sync"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// damaged are the torrents that this node has found damaged, by the id that they
// lie under, and the bytes that the feed counts for each. It is safe for
// concurrent use.
type damaged struct {
	mu    sync.Mutex
	bytes map[infohash.ID]int64
}

// add reports whether the torrent was not known to be damaged.
func (d *damaged) add(id infohash.ID, bytes int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.bytes[id]; known {
		return false
	}
	if d.bytes == nil {
		d.bytes = map[infohash.ID]int64{}
	}
	d.bytes[id] = bytes
	return true
}

// drop forgets a torrent that was healed or removed.
func (d *damaged) drop(id infohash.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.bytes, id)
}

func (d *damaged) has(id infohash.ID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, known := d.bytes[id]
	return known
}

// total returns how many there are and their bytes.
func (d *damaged) total() (count, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.bytes {
		bytes += n
	}
	return int64(len(d.bytes)), bytes
}

// damage notes that a torrent, or its header, was found damaged.
func (s *Store) damage(sl *slot) {
	if !s.damaged.add(sl.id, sl.countedBytes()) {
		return
	}
	ids := sl.IDs
	if sl.broken {
		ids = setOf(sl.id)
	}
	s.logger.Error("a stored torrent is damaged; the next upload of it heals it", "info_hash", sl.id)
	s.onDamage(ids)
}

// countedBytes is how many bytes of torrents the feed counts for the slot.
func (sl *slot) countedBytes() int64 {
	switch {
	case sl.broken:
		return int64(max(sl.size-object.HeaderSize, 0)) // as far as can be told
	case sl.Kind == object.KindTorrent:
		return int64(sl.TorrentLength)
	}
	return 0
}

// setOf returns the set that has id in the field it fits.
func setOf(id infohash.ID) infohash.Set {
	if id.Size() == infohash.SizeV2 {
		return infohash.Set{V2: id}
	}
	return infohash.Set{V1: id}
}
