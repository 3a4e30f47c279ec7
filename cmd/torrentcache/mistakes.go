package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// What the program says to people whose command failed, beyond what failed.

// addHints has the errors of c and of the commands below it say where the settings stand that
// they name, and how to give a key.
func addHints(c *cobra.Command) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			return keyHint(c.Flags(), config.Located(c.Flags(), run(c, args)))
		}
	}
	for _, below := range c.Commands() {
		addHints(below)
	}
}

// keyHint returns err, if it is a refusal for want of a key and the command may show one, with
// how to give it.
func keyHint(flags *pflag.FlagSet, err error) error {
	if !wantsKey(err) || flags.Lookup("token-file") == nil {
		return err
	}
	return fmt.Errorf("%w; give the key by --token-file FILE or in TORRENTCACHE_TOKEN", err)
}

// wantsKey reports whether a call was refused because of who made it.
func wantsKey(err error) bool {
	e, ok := errors.AsType[*reason.Error](err)
	return ok && (e.Reason == reason.Unauthenticated || e.Reason == reason.PermissionDenied)
}

// mistaken returns what the program says of err, in one line.
func mistaken(err error) string {
	text, near, _ := strings.Cut(err.Error(), "\n\nDid you mean this?\n") // cobra's own words
	text = progress.OneLine(text)
	if strings.HasPrefix(text, "unknown command ") {
		text += didYouMean(strings.Fields(near)) + " (torrentcache --help lists the commands)"
	}
	return text
}

// wrongCommand says that c has no command of that name.
func wrongCommand(c *cobra.Command, name string) error {
	c.SuggestionsMinimumDistance = 2 // letters that may be wrong, as at the root
	meant := didYouMean(c.SuggestionsFor(name))
	if meant == "" {
		var names []string
		for _, below := range c.Commands() {
			names = append(names, below.Name())
		}
		meant = ": want " + strings.Join(names, " or ")
	}
	return fmt.Errorf("%s has no command %q%s (%s --help says more)", c.CommandPath(), name, meant, c.CommandPath())
}

// didYouMean asks for the commands that may have been meant, if there are any.
func didYouMean(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return ": did you mean " + strings.Join(near, " or ") + "?"
}
