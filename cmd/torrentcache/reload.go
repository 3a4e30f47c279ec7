package main

import (
	"context"
	"os"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
)

// reloads is what a running server reads again on SIGHUP.
type reloads struct {
	hangups  <-chan os.Signal
	settings func() (config.Doors, error) // reads all settings again
	inForce  config.Doors                 // as they were last read
	parts    []reload
}

// reload is a part of the server that can change while it serves. Again puts in
// force what the settings and files say now; if it returns an error, all of the
// part stays as it was.
type reload struct {
	name  string
	again func(config.Doors) error
}

// onReload adds a part. Add all before run.
func (h *house) onReload(name string, again func(config.Doors) error) {
	h.reloads.parts = append(h.reloads.parts, reload{name, again})
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
	if cfg, err := h.reloads.settings(); err != nil {
		h.logger.Error("not reloaded: the old ones stay in force", "what", "settings", "cause", err)
	} else {
		h.reloads.inForce = cfg
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
// file of settings as it is now.
func reread(fresh commandSettings, given map[string]string, environ []string) error {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	fresh.AddFlags(flags)
	if err := config.Again(flags, given, environ); err != nil {
		return err
	}
	return fresh.Validate()
}
