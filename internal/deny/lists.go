package deny

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wait"
)

// Options configure [Open].
type Options struct {
	// Files are the names of the lists.
	Files []string
	// OnChange is called when other lists come into force, before Stats describes them. Caches must
	// then forget newly listed torrents. Nil means that nothing is called.
	OnChange func()
	// Logger gets a line for each list that [Lists.Follow] reads or cannot read. Nil means
	// slog.Default().
	Logger *slog.Logger
}

// Lists are the lists in force. A nil *Lists lists nothing. It is safe for concurrent use.
type Lists struct {
	onChange func()
	logger   *slog.Logger
	inForce  atomic.Pointer[[]*list]
	hits     atomic.Int64

	mu    sync.Mutex // held while lists are read
	files []*file    // guarded by mu
	stats atomic.Pointer[Stats]
}

// file is a list on disk.
type file struct {
	name  string
	list  *list     // in force; nil if it was never read successfully
	tried stamp     // of the last attempt to read it
	seen  stamp     // of the last look
	since time.Time // when seen was first seen
}

// Line is a line of a list.
type Line struct {
	File   string // as named in [Options.Files]
	Number int    // from 1
}

// String returns file and line as compilers write them.
func (l Line) String() string { return fmt.Sprintf("%s:%d", l.File, l.Number) }

// Stats describes the lists in force and their hits.
type Stats struct {
	Entries  int64     // hashes and digests, summed over all lists
	LastRead time.Time // when a list was last read and put in force
	Hits     int64     // how often [Lists.Denies] returned true
}

// Open reads all lists. The error names the file, and the line.
func Open(o Options) (*Lists, error) {
	l := &Lists{onChange: func() {}, logger: o.Logger}
	if l.logger == nil {
		l.logger = slog.Default()
	}
	l.inForce.Store(&[]*list{})
	if err := l.Reload(o.Files); err != nil {
		return nil, err
	}
	if o.OnChange != nil {
		l.onChange = o.OnChange
	}
	return l, nil
}

// Find returns the line that names one of a torrent's ids.
func (l *Lists) Find(ids ...infohash.ID) (Line, bool) {
	if l == nil {
		return Line{}, false
	}
	for _, list := range *l.inForce.Load() {
		for _, id := range ids {
			if n, ok := list.find(id); ok {
				return Line{list.name, int(n)}, true
			}
		}
	}
	return Line{}, false
}

// Denies reports whether a line names one of a torrent's ids, and counts a hit. Call it to
// refuse a request; [Lists.Find] does not count.
func (l *Lists) Denies(ids ...infohash.ID) bool {
	_, ok := l.Find(ids...)
	if ok {
		l.hits.Add(1)
	}
	return ok
}

// Reload reads the lists with these names and replaces those in force. A list that cannot be
// read, or has a bad line, stays as it was; the others change nevertheless. The errors name the
// files and the lines.
func (l *Lists) Reload(names []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var failed []error
	files := make([]*file, len(names))
	for i, name := range names {
		files[i] = &file{name: name}
		if at := slices.IndexFunc(l.files, func(f *file) bool { return f.name == name }); at >= 0 {
			files[i] = l.files[at]
		}
		failed = append(failed, files[i].read())
	}
	l.files = files
	l.publish()
	return errors.Join(failed...)
}

// read reads a list, and keeps the old one if that fails.
func (f *file) read() error {
	f.tried = stampOf(f.name)
	fresh, err := read(f.name)
	if err != nil {
		return err
	}
	f.list, f.tried = fresh, fresh.is
	return nil
}

// publish puts the lists read into force; l.mu is held.
func (l *Lists) publish() {
	now := []*list{}
	stats := Stats{LastRead: time.Now()}
	for _, f := range l.files {
		if f.list != nil {
			now = append(now, f.list)
			stats.Entries += int64(f.list.len())
		}
	}
	before := l.inForce.Swap(&now)
	if !slices.Equal(*before, now) {
		l.onChange()
	} else if told := l.stats.Load(); told != nil {
		stats.LastRead = told.LastRead // nothing was read
	}
	l.stats.Store(&stats)
}

// Stats returns the Stats of the lists in force.
func (l *Lists) Stats() Stats {
	if l == nil {
		return Stats{}
	}
	s := *l.stats.Load()
	s.Hits = l.hits.Load()
	return s
}

// Still is how long a file must be unchanged before it is reread: until then a program may be
// writing it.
const Still = 2 * time.Second

// Follow checks the files at the given interval, until ctx ends, and rereads the changed ones.
func (l *Lists) Follow(ctx context.Context, every time.Duration) {
	for wait.For(ctx, every) {
		l.look(time.Now())
	}
}

// look checks the files once, and rereads those that have changed and been still since.
func (l *Lists) look(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var fresh []*list
	for _, f := range l.files {
		if !f.isDue(now) {
			continue
		}
		if err := f.read(); err != nil {
			l.logger.Error("deny list not read: the old one stays in force", "cause", err)
			continue
		}
		fresh = append(fresh, f.list)
	}
	if len(fresh) == 0 {
		return
	}
	l.publish()
	for _, list := range fresh {
		l.logger.Info("deny list in force", "file", list.name, "entries", list.len())
	}
}

// isDue reports whether a file differs from the last attempt to read it, and has been still for
// long enough.
func (f *file) isDue(now time.Time) bool {
	is := stampOf(f.name)
	if !is.same(f.seen) || f.since.IsZero() {
		f.seen, f.since = is, now
	}
	return !is.same(f.tried) && now.Sub(f.since) >= Still
}
