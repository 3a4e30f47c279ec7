package deny

import (
	"context"
	"time"
)

// Still is how long a file must not have changed before it is read again: until then
// somebody may be writing it.
const Still = 2 * time.Second

// Follow reads lists again that have changed, until ctx ends. At each tick, which has the
// time, it looks at the files.
func (l *Lists) Follow(ctx context.Context, ticks <-chan time.Time) {
	for {
		select {
		case now := <-ticks:
			l.look(now)
		case <-ctx.Done():
			return
		}
	}
}

// look reads what has changed and been still, once.
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

// isDue reports whether a file is other than when it was last read, and has been for long
// enough.
func (f *file) isDue(now time.Time) bool {
	is := stampOf(f.name)
	if !is.same(f.seen) || f.since.IsZero() {
		f.seen, f.since = is, now
	}
	return !is.same(f.tried) && now.Sub(f.since) >= Still
}
