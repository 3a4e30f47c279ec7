package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/manual"
)

const packageFilesHelp = `Write the files that a package has besides the program to DIR:

  man/           manual pages, torrentcache.1 and one for each command
  completions/   for bash, zsh and fish
  etc/           torrentcache.yaml and gateway.yaml, with every setting

SOURCE_DATE_EPOCH, in seconds since 1970, is the date of the manual pages.`

// newPackageFiles returns the command package-files. It is hidden, because only people who build
// packages need it.
func newPackageFiles(env cli.Environment) *cobra.Command {
	return &cobra.Command{
		Use:               "package-files DIR",
		Short:             "Write manual pages, completions and settings files",
		Long:              packageFilesHelp,
		Hidden:            true,
		ValidArgsFunction: manual.CompleteFolders,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("want one folder (torrentcache package-files --help)")
			}
			date, err := sourceDate(env.Environ)
			if err != nil {
				return err
			}
			return manual.Write(newRoot(env), args[0], date)
		},
	}
}

// sourceDate returns the date that SOURCE_DATE_EPOCH in environ states. The current time is no
// substitute: the same sources must make the same files.
func sourceDate(environ []string) (time.Time, error) {
	for _, entry := range environ {
		if text, ok := strings.CutPrefix(entry, "SOURCE_DATE_EPOCH="); ok {
			seconds, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH=%q: want seconds since 1970", text)
			}
			return time.Unix(seconds, 0).UTC(), nil
		}
	}
	return time.Time{}, errors.New("SOURCE_DATE_EPOCH is not set: set it to the time of the sources, in seconds since 1970")
}
