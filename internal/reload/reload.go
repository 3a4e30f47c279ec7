// Package reload lets a running server read its settings and files again on SIGHUP.
package reload

import (
	"context"
	"log/slog"
	"os"
	"slices"
)

// Reloader reloads the settings and files of a running server. S is the type of the settings. Add
// all parts with [Reloader.On] and [Reloader.Reopen] before [Reloader.Follow]. A Reloader is not
// safe for concurrent use.
type Reloader[S any] struct {
	// Read reads the settings. It also returns the names of the settings that differ from those
	// with which the server was started.
	Read func() (S, []string, error)
	// InForce is the settings as last read.
	InForce S
	// Logger gets a line for each thing that was reloaded, or could not be.
	Logger *slog.Logger

	parts []part[S]
	files []file
}

// file is a file to which the server writes.
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

// On adds a part of the server, which puts the named settings in force. Again is called on each
// reload, with the settings as just read. If it returns an error, the whole part must stay as it
// was.
func (r *Reloader[S]) On(name string, again func(S) error, settings ...string) {
	r.parts = append(r.parts, part[S]{name, again, settings})
}

// Reopen adds a file to which the server writes, such as a log. Each signal opens the file again,
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

// reload reads everything again. If the settings cannot be read, all parts stay as they were,
// because the settings name the files of the parts. If one part fails, it stays as it was, and the
// others are reloaded all the same.
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

// late returns those of the changed settings that no part puts in force.
func (r *Reloader[S]) late(changed []string) []string {
	return slices.DeleteFunc(changed, func(name string) bool {
		return slices.ContainsFunc(r.parts, func(part part[S]) bool { return slices.Contains(part.settings, name) })
	})
}
