package main

import (
	"context"
	"os"
	"slices"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
)

// reloads is what a running server reads again on SIGHUP.
type reloads struct {
	hangups  <-chan os.Signal
	settings func() (config.Doors, []string, error) // as of reread
	inForce  config.Doors                           // as they were last read
	parts    []reload
}

// reload is a part of the server that can change while it serves. Again puts in
// force what the settings and files say now; if it returns an error, all of the
// part stays as it was.
type reload struct {
	name     string
	again    func(config.Doors) error
	settings []string // the flags that it puts in force
}

// onReload adds a part, which puts these settings in force, if any. Add all before
// run.
func (h *house) onReload(name string, again func(config.Doors) error, settings ...string) {
	h.reloads.parts = append(h.reloads.parts, reload{name, again, settings})
}

// followHangups reloads on each SIGHUP until ctx ends.
func (h *house) followHangups(ctx context.Context) {
	for {
		select {
		case <-h.reloads.hangups:
			h.reload()
		case <-ctx.Done():
			return
		}
	}
}

// reload reads everything again. What cannot be read stays as it was, and does not
// keep the rest from being read.
func (h *house) reload() {
	cfg, changed, err := h.reloads.settings()
	if err != nil {
		h.logger.Error("not reloaded: the old ones stay in force", "what", "settings", "cause", err)
	} else {
		h.reloads.inForce = cfg
	}
	if late := h.reloads.late(changed); len(late) > 0 {
		h.logger.Warn("some settings were changed that take effect at the next start", "settings", late)
	}
	for _, part := range h.reloads.parts {
		if err := part.again(h.reloads.inForce); err != nil {
			h.logger.Error("not reloaded: the old ones stay in force", "what", part.name, "cause", err)
			continue
		}
		h.logger.Info("reloaded", "what", part.name)
	}
}

// commandSettings are the settings of a command.
type commandSettings interface {
	AddFlags(*pflag.FlagSet)
	Validate() error
}

// reread fills fresh with what the command line gave, the environment, and the
// file of settings as it is now. It returns which differ from those that the
// command was started with.
func reread(fresh commandSettings, started *pflag.FlagSet, given map[string]string, environ []string) (changed []string, err error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	fresh.AddFlags(flags)
	if err := config.Again(flags, given, environ); err != nil {
		return nil, err
	}
	if err := fresh.Validate(); err != nil {
		return nil, err
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Value.String() != started.Lookup(f.Name).Value.String() {
			changed = append(changed, f.Name)
		}
	})
	return changed, nil
}

// late returns those of the settings that no part puts in force.
func (r *reloads) late(changed []string) []string {
	return slices.DeleteFunc(changed, func(name string) bool {
		return slices.ContainsFunc(r.parts, func(part reload) bool { return slices.Contains(part.settings, name) })
	})
}
