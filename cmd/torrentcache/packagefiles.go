package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/manual"
)

const packageFilesHelp = `Write what packages have besides the program, made from the program itself, to DIR:

  man/           manual pages, torrentcache.1 and one for each command
  completions/   for bash, zsh and fish
  etc/           torrentcache.yaml and gateway.yaml, with every setting

SOURCE_DATE_EPOCH, in seconds since 1970, is the date of the manual pages.`

// newPackageFiles is for those who make packages, and not shown to users.
func newPackageFiles(env environment) *cobra.Command {
	return &cobra.Command{
		Use:               "package-files DIR",
		Short:             "Write manual pages, completions and files of settings",
		Long:              packageFilesHelp,
		Hidden:            true,
		ValidArgsFunction: manual.CompleteFolders,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("want one folder (torrentcache package-files --help)")
			}
			date, err := sourceDate(env.environ)
			if err != nil {
				return err
			}
			return manual.Write(newRoot(env), args[0], date)
		},
	}
}

// sourceDate returns the date that SOURCE_DATE_EPOCH in environ says. There is no
// other: the same sources make the same files.
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
	return time.Time{}, errors.New("SOURCE_DATE_EPOCH is not set: want the seconds since 1970 of the sources")
}
