package s3store

import (
	"sync"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// damaged are the torrents that this node has found damaged, by the id of their key, with the
// bytes that the feed counts for each. It is safe for concurrent use.
type damaged struct {
	mu    sync.Mutex
	bytes map[infohash.ID]int64
}

// add records a damaged torrent and reports whether it is a new one.
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

// total returns the number of damaged torrents and their bytes.
func (d *damaged) total() (count, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.bytes {
		bytes += n
	}
	return int64(len(d.bytes)), bytes
}

// damage records and reports that a torrent or its header is damaged.
func (s *Store) damage(sl *slot) {
	if !s.damaged.add(sl.id, sl.countedBytes()) {
		return
	}
	ids := sl.IDs
	if sl.broken {
		ids = sl.id.Set()
	}
	s.logger.Error("a stored torrent is damaged; the next upload of it heals it", "info_hash", sl.id)
	s.onDamage(ids)
}

// countedBytes returns how many bytes of torrents the feed counts for the slot.
func (sl *slot) countedBytes() int64 {
	switch {
	case sl.broken:
		return int64(max(sl.size-object.HeaderSize, 0)) // an estimate
	case sl.Kind == object.KindTorrent:
		return int64(sl.TorrentLength)
	}
	return 0
}
