package tiered

import (
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// reader is one Get: of which id, and where the bytes go.
type reader struct {
	id infohash.ID
	// room is the caller's, nil if that is; it sets refused.
	room store.Room
	// refused is the error of room, which ends the Get. It is noted because it may be of
	// any kind: as an error of the disk or of the remote it would be taken for a copy that
	// is no good, or for an outage.
	refused error
}

func newReader(id infohash.ID, room store.Room) *reader {
	r := &reader{id: id}
	if room != nil {
		r.room = func(n int) (b []byte, err error) {
			b, r.refused = room(n)
			return b, r.refused
		}
	}
	return r
}

// own returns t with bytes that lie in the room, if there is one. They are copied: those
// of t are shared, and go when they are written to the disk, while a reader may keep
// what it was given for as long as a slow client takes.
func (r *reader) own(t store.Torrent) (store.Torrent, error) {
	if r.room == nil || len(t.Bytes) == 0 {
		return t, nil
	}
	b, err := r.room(len(t.Bytes))
	if err != nil {
		return store.Torrent{}, err
	}
	n := copy(b, t.Bytes)
	t.Bytes = b[:n:n]
	return t, nil
}
