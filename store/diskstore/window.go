package diskstore

import "github.com/cockroachdb/pebble/v2/vfs"

// windowSize is how many bytes a window reads at once.
const windowSize = 256 << 10

// window reads a file for who goes through it from its beginning to its end, many
// records at a time: one by one, those of small torrents would be read from the
// disk a block at a time, since segments are opened for random reads. What it holds
// must not change. Not safe for concurrent use.
type window struct {
	vfs.File
	offset int64  // of held
	held   []byte // of the file
	room   []byte
}

// ReadAt implements vfs.File.
func (w *window) ReadAt(b []byte, offset int64) (int, error) {
	if w.holds(offset, len(b)) {
		return copy(b, w.held[offset-w.offset:]), nil
	}
	if len(b) >= windowSize {
		return w.File.ReadAt(b, offset)
	}
	if w.room == nil {
		w.room = make([]byte, windowSize)
	}
	n, _ := w.File.ReadAt(w.room, offset) // it may reach behind the end, or into what cannot be read
	w.offset, w.held = offset, w.room[:max(n, 0)]
	if w.holds(offset, len(b)) {
		return copy(b, w.held), nil
	}
	return w.File.ReadAt(b, offset)
}

func (w *window) holds(offset int64, n int) bool {
	return w.offset <= offset && offset+int64(n) <= w.offset+int64(len(w.held))
}
