package cli

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

// This file has the hints that the program adds to the error of a command.

// AddHints adds hints to the errors of c and its subcommands: where the settings that the error
// names were set, how to give a key, and how to mend a certificate error.
func AddHints(c *cobra.Command) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			return trustHint(c.Flags(), keyHint(c.Flags(), config.Located(c.Flags(), run(c, args))))
		}
	}
	for _, below := range c.Commands() {
		AddHints(below)
	}
}

// keyHint adds a hint on how to give a key to err, if the server refused the call because of its
// key and the command has flags for one.
func keyHint(flags *pflag.FlagSet, err error) error {
	if !wantsKey(err) || flags.Lookup("token-file") == nil {
		return err
	}
	return fmt.Errorf("%w; give the key by --token-file FILE or in TORRENTCACHE_TOKEN", err)
}

// trustHint adds a hint on the server's certificate to err, if the certificate could not be
// verified and the command has the flag --ca.
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
		return fmt.Errorf("%w; give in --server a host name that the certificate has", err)
	}
	return err
}

// wantsKey reports whether the server refused a call for its key or for the lack of one.
func wantsKey(err error) bool {
	e, ok := errors.AsType[*reason.Error](err)
	return ok && (e.Reason == reason.Unauthenticated || e.Reason == reason.PermissionDenied)
}

// FailsEveryCall reports whether every other call would fail with the same error, because the key
// is missing or wrong, or because the server's certificate cannot be trusted.
func FailsEveryCall(err error) bool { return wantsKey(err) || client.Untrusted(err) }

// SomeFailed is the error of a command that got to its end but failed for some torrents. Its exit
// status is 3; that of all other errors is 1.
type SomeFailed string

// Error implements error.
func (e SomeFailed) Error() string { return string(e) }

// ErrorLine returns the line in which the program reports err.
func ErrorLine(err error) string {
	text, near, _ := strings.Cut(err.Error(), "\n\nDid you mean this?\n") // as cobra writes it
	text = progress.OneLine(text)
	if strings.HasPrefix(text, "unknown command ") {
		text += didYouMean(strings.Fields(near)) + " (torrentcache --help lists the commands)"
	}
	return text
}

// NoArguments is the Args of a command that takes no arguments: it returns an error if there are
// any.
func NoArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 && c.HasAvailableSubCommands() {
		return WrongCommand(c, args[0])
	}
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, got %q: settings are flags (%s --help lists them)", c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}

// WrongCommand returns the error that c has no subcommand called name.
func WrongCommand(c *cobra.Command, name string) error {
	c.SuggestionsMinimumDistance = 2 // at most two wrong letters, as cobra does for the root
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

// didYouMean returns the question whether the user meant one of near; "" if near is empty.
func didYouMean(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return ": did you mean " + strings.Join(near, " or ") + "?"
}
