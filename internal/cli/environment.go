// Package cli holds the code that all commands share: the environment that they run in, the report
// of their results, the connection to a server, and the hints that they add to errors. The commands
// themselves are in the packages below: user, operator, migration and keys.
package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/telemetry"
)

// Environment is everything that a command takes from its process besides its arguments.
type Environment struct {
	Environ        []string  // in the form of os.Environ
	Stdin          io.Reader // nil means the standard input of the process
	Stdout, Stderr io.Writer
	Libraries      *telemetry.GRPCLog // receives the program's logger; nil: there is none
}

// Run returns the RunE of a command: it reads the settings by [Environment.Settings], then calls
// do.
func (env Environment) Run(validate func() error, do func(c *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if err := env.Settings(c, validate); err != nil {
			return err
		}
		return do(c, args)
	}
}

// Settings sets the flags of c that the command line did not set, from the environment and the
// settings file. It checks the result by validate, unless that is nil, and warns of TORRENTCACHE
// variables that no command knows. Its error names the setting.
func (env Environment) Settings(c *cobra.Command, validate func() error) error {
	if err := config.Fill(c.Flags(), env.Environ); err != nil {
		return err
	}
	if validate != nil {
		if err := validate(); err != nil {
			return err
		}
	}
	var known []*pflag.FlagSet
	for _, command := range c.Root().Commands() {
		known = append(known, command.Flags())
	}
	for _, name := range config.UnknownVariables(env.Environ, known) {
		fmt.Fprintf(env.Stderr, "torrentcache: warning: the environment variable %s names no setting and is ignored\n", name)
	}
	return nil
}
