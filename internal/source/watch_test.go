package source

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// watcher lets a test say when the next look is.
type watcher struct {
	looks  chan time.Time
	asleep chan struct{}
	files  chan string
}

// startWatch watches dir. Each call of look is one more look at it and returns
// the contents that were yielded by it.
func startWatch(t *testing.T, dir string) (look func() []string) {
	t.Helper()
	w := watcher{looks: make(chan time.Time), asleep: make(chan struct{}), files: make(chan string, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	clock := Clock{Now: time.Now, After: func(time.Duration) <-chan time.Time {
		select {
		case w.asleep <- struct{}{}:
		case <-ctx.Done():
		}
		return w.looks
	}}
	go func() {
		for file := range Watch(ctx, []string{dir}, Options{MaxSize: maxSize}, time.Hour, clock) {
			b, _ := file.Load()
			w.files <- string(b)
		}
	}()
	first := true
	return func() []string {
		if !first {
			w.looks <- time.Time{}
		}
		first = false
		<-w.asleep
		var files []string
		for len(w.files) > 0 {
			files = append(files, <-w.files)
		}
		return files
	}
}

func TestWatchYieldsAFileOnceItStaysTheSame(t *testing.T) {
	dir := t.TempDir()
	look := startWatch(t, dir)
	expect := func(when string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, look()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	whole := torrentOf("a")
	expect("empty folder")
	write(t, dir, "sub/a.torrent", []byte(whole[:100]))
	expect("half written")
	write(t, dir, "sub/a.torrent", []byte(whole[:200]))
	expect("still being written")
	write(t, dir, "sub/a.torrent", []byte(whole))
	expect("complete, but seen so for the first time")
	expect("unchanged since", whole)
	expect("known")
	path := write(t, dir, "sub/a.torrent", []byte(torrentOf("b")))
	expect("changed")
	expect("changed, and unchanged since", torrentOf("b"))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect("gone")
	write(t, dir, "sub/a.torrent", []byte(torrentOf("b")))
	expect("back")
	expect("back for good", torrentOf("b"))
}
