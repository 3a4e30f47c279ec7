// Package reload lets a running server read settings and files again, on
// SIGHUP.
package reload

import (
	"context"
	"log/slog"
	"os"
	"slices"
)

// Reloader is what a running server reads again. S is its settings. Add all parts with
// [Reloader.On] and [Reloader.Reopen] before [Reloader.Follow]; it is not safe for concurrent use.
type Reloader[S any] struct {
	// Read reads the settings anew, and says which of them, by name, are not those with
	// which the server was started.
	Read func() (S, []string, error)
	// InForce is the settings as they were last read.
	InForce S
	// Logger is told what was reloaded and what was not.
	Logger *slog.Logger

	parts []part[S]
	files []file
}

// file is a file that is written to.
type file struct {
	name   string
	reopen func() error
}

// part is a part of the server that can change while it serves.
type part[S any] struct {
	name     string
	again    func(S) error
	settings []string
}

// On adds a part, which puts these settings in force, if any. Again does so with what the
// settings and files say now; if it returns an error, all of the part stays as it was.
func (r *Reloader[S]) On(name string, again func(S) error, settings ...string) {
	r.parts = append(r.parts, part[S]{name, again, settings})
}

// Reopen adds a file that is written to, such as a log, which is opened anew on each signal,
// whatever the settings say, so that logs can be rotated.
func (r *Reloader[S]) Reopen(name string, reopen func() error) {
	r.files = append(r.files, file{name, reopen})
}

// Follow reloads on each signal until ctx ends.
func (r *Reloader[S]) Follow(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-signals:
			r.reload()
		case <-ctx.Done():
			return
		}
	}
}

// reload reads everything again. Settings that cannot be read leave all as it was: the rest is
// what they say. A part that cannot be read stays as it was, and does not keep the others from
// being read.
func (r *Reloader[S]) reload() {
	for _, f := range r.files {
		if err := f.reopen(); err != nil {
			r.Logger.Error("not opened anew: the old file is written to", "what", f.name, "cause", err)
			continue
		}
		r.Logger.Info("opened anew", "what", f.name)
	}
	settings, changed, err := r.Read()
	if err != nil {
		r.Logger.Error("nothing was reloaded: all stays as it was; mend the settings and reload again", "cause", err)
		return
	}
	r.InForce = settings
	if late := r.late(changed); len(late) > 0 {
		r.Logger.Warn("some settings were changed that take effect at the next start", "settings", late)
	}
	for _, part := range r.parts {
		if err := part.again(r.InForce); err != nil {
			r.Logger.Error("not reloaded: the old ones stay in force", "what", part.name, "cause", err)
			continue
		}
		r.Logger.Info("reloaded", "what", part.name)
	}
}

// late returns those of the settings that no part puts in force.
func (r *Reloader[S]) late(changed []string) []string {
	return slices.DeleteFunc(changed, func(name string) bool {
		return slices.ContainsFunc(r.parts, func(part part[S]) bool { return slices.Contains(part.settings, name) })
	})
}
