package source

import (
	"context"
	"crypto/sha256"
	"io/fs"
	"iter"
	"time"
)

// Clock tells the time and waits.
type Clock struct {
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// SystemClock is the clock of the system.
var SystemClock = Clock{Now: time.Now, After: time.After}

// Watch yields the torrents in folders and their subfolders, and then those that appear or change
// there, until ctx ends. It scans the folders every interval. If scans are slow, it waits ten times
// as long as a scan took. Scanning needs no support from the file system and works on network
// drives.
//
// Watch yields a file only after two scans in a row found it with the same size and modification
// time, so that it is not read while it is being written. If the writer pauses for longer, Watch
// yields the file half written, and again when it has changed.
//
// Memory grows by about 100 bytes with each file.
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

// watch is the state of one Watch.
type watch struct {
	*walk
	seen map[Key]sight // by path
	turn uint64        // number of finished scans
}

// sight is the state of a file at the last scan.
type sight struct {
	turn    uint64
	size    int64
	changed int64 // modification time in nanoseconds
	done    bool  // this state of the file was yielded
}

// look compares a file with its last sight.
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

// forget ends a scan and drops the files that it did not find.
func (w *watch) forget() {
	for key, s := range w.seen {
		if s.turn != w.turn {
			delete(w.seen, key)
		}
	}
	w.turn++
}
