package deny

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// Options are what [Open] works with.
type Options struct {
	// Files are the names of the lists.
	Files []string
	// OnChange is called when other lists are in force than before, before Stats tells
	// of them: caches must then forget newly listed torrents. Nil means that nobody
	// wants to know.
	OnChange func()
	// Logger is told what [Lists.Follow] reads. Nil means slog.Default().
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
	list  *list     // in force; nil if it was never read
	tried stamp     // when it was last read, or could not be
	seen  stamp     // when it was last looked at
	since time.Time // when that was first seen
}

// Line is a line of a list.
type Line struct {
	File   string // as named in [Options.Files]
	Number int    // from 1
}

// String returns file and line as compilers write them.
func (l Line) String() string { return fmt.Sprintf("%s:%d", l.File, l.Number) }

// Stats is what is in force, and what it did.
type Stats struct {
	Entries  int64     // hashes and digests, those of each list counted by itself
	LastRead time.Time // when a list was last read and put in force
	Hits     int64     // how often [Lists.Denies] said yes
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

// Denies reports whether a line names one of a torrent's ids, and counts the hits. Call
// it to refuse a request; [Lists.Find] only looks.
func (l *Lists) Denies(ids ...infohash.ID) bool {
	_, ok := l.Find(ids...)
	if ok {
		l.hits.Add(1)
	}
	return ok
}

// Reload reads the lists of these names and puts them in force in place of those that are.
// A list that cannot be read, or has a bad line, stays as it was; the others change
// nevertheless. The errors name the files, and the lines.
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

// publish puts in force what was read; l.mu is held.
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

// Stats returns what is in force.
func (l *Lists) Stats() Stats {
	if l == nil {
		return Stats{}
	}
	s := *l.stats.Load()
	s.Hits = l.hits.Load()
	return s
}
