package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// What the program says to people whose command failed, beyond what failed.

// addHints has the errors of c and of the commands below it say where the settings stand that
// they name, how to give a key, and what to do about a certificate.
func addHints(c *cobra.Command) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			return trustHint(c.Flags(), keyHint(c.Flags(), config.Located(c.Flags(), run(c, args))))
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

// trustHint returns err, if the server's certificate could not be verified and the command
// has a say in it, with what to do.
func trustHint(flags *pflag.FlagSet, err error) error {
	if !client.Untrusted(err) || flags.Lookup("ca") == nil {
		return err
	}
	switch text := err.Error(); {
	case strings.Contains(text, "unknown authority"):
		return fmt.Errorf("%w; name the file with the certificate of its authority by --ca FILE", err)
	case strings.Contains(text, "expired"):
		return fmt.Errorf("%w; its operator has to replace it, unless the clock here is wrong", err)
	case strings.Contains(text, "valid for"), strings.Contains(text, "validate certificate for"):
		return fmt.Errorf("%w; name the server by --server as its certificate does", err)
	}
	return err
}

// wantsKey reports whether a call was refused because of who made it.
func wantsKey(err error) bool {
	e, ok := errors.AsType[*reason.Error](err)
	return ok && (e.Reason == reason.Unauthenticated || e.Reason == reason.PermissionDenied)
}

// isVain reports whether all other calls would fail as well: for want of a key, or since the
// server's certificate cannot be trusted.
func isVain(err error) bool { return wantsKey(err) || client.Untrusted(err) }

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
	if meant == "" && c.HasAvailableSubCommands() {
		var names []string
		for _, below := range c.Commands() {
			names = append(names, below.Name())
		}
		meant = ": want " + strings.Join(names, " or ")
	}
	return fmt.Errorf("%s has no command %q%s (%s --help says more)", c.CommandPath(), name, meant, c.CommandPath())
}

// newHelp returns the command help. cobra's own takes a command that is not there for the root.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [command]",
		Short:   "Help about any command",
		GroupID: "More",
		ValidArgsFunction: func(c *cobra.Command, args []string, begun string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			for _, below := range about.Commands() {
				if below.IsAvailableCommand() && strings.HasPrefix(below.Name(), begun) {
					names = append(names, cobra.CompletionWithDesc(below.Name(), below.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return wrongCommand(about, rest[0])
			}
			about.InitDefaultHelpFlag() // which cobra adds when a command runs
			return about.Help()
		},
	}
}

// didYouMean asks for the commands that may have been meant, if there are any.
func didYouMean(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return ": did you mean " + strings.Join(near, " or ") + "?"
}
