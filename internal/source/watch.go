package source

import (
	"context"
	"crypto/sha256"
	"io/fs"
	"iter"
	"time"
)

// Clock tells the time and waits, as time.Now and time.After do.
type Clock struct {
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// SystemClock is the real time.
var SystemClock = Clock{Now: time.Now, After: time.After}

// Watch yields the torrents that are in the folders or below, and then those
// that appear or change there, until ctx ends. It looks every interval, and less
// often where looking takes long (a tenth of the time at most), which needs
// nothing of the file system and works on network drives.
//
// A file is left alone until two looks in a row find it with the same size and
// modification time, so that it is not read while it is being written. One whose
// writer pauses for longer is yielded half written, and again when it goes on.
//
// Memory grows with the number of files, by about 100 bytes each.
func Watch(ctx context.Context, folders []string, o Options, interval time.Duration, clock Clock) iter.Seq[File] {
	return func(yield func(File) bool) {
		w := &watch{walk: newWalk(ctx, o, yield), seen: map[Key]sight{}}
		w.visit = w.look
		for {
			begin := clock.Now()
			for _, folder := range folders {
				w.folder(folder)
			}
			w.forget()
			if w.over() {
				return
			}
			select {
			case <-clock.After(max(interval, 10*clock.Now().Sub(begin))):
			case <-ctx.Done():
				return
			}
		}
	}
}

// watch is one Watch.
type watch struct {
	*walk
	seen map[Key]sight // by path
	turn uint64        // how often the folders were gone through
}

// sight is what was last seen of a file.
type sight struct {
	turn    uint64
	size    int64
	changed int64 // modification time in nanoseconds
	done    bool  // yielded as it is
}

// look compares a file with what it was the last time.
func (w *watch) look(path string, info fs.FileInfo) {
	sum := sha256.Sum256([]byte(path))
	key := Key(sum[:])
	before, known := w.seen[key]
	now := sight{turn: w.turn, size: info.Size(), changed: info.ModTime().UnixNano()}
	if known && before.size == now.size && before.changed == now.changed {
		if now.done = true; !before.done {
			w.file(path, info, false)
		}
	}
	w.seen[key] = now
}

// forget ends a turn and drops what is no longer there.
func (w *watch) forget() {
	for key, s := range w.seen {
		if s.turn != w.turn {
			delete(w.seen, key)
		}
	}
	w.turn++
}
