package config

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/access"
)

// auto, as the roles of anonymous callers, stands for the safe choice.
const auto = "auto"

// Access is the settings of the callers and their roles.
type Access struct {
	KeysFile  string // "" if there is none
	Anonymous string // a list of roles, none or auto
}

// AddFlags binds the settings to flags and sets their defaults.
func (a *Access) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&a.KeysFile, "keys-file", "", "`file` of callers with a key, network or certificate, and their roles (torrentcache key --help); read again on SIGHUP")
	flags.StringVar(&a.Anonymous, "anonymous", auto, "what callers without a key may do: a `list` of read, write and sync, or none; auto is read,write, and read with --keys-file")
}

// Validate reports the first wrong setting, by its flag.
func (a *Access) Validate() error {
	if a.Anonymous == auto {
		return nil
	}
	roles, err := access.ParseRoles(a.Anonymous)
	switch {
	case err != nil:
		return fmt.Errorf("--anonymous: %w", err)
	case roles.Has(access.Admin):
		return errors.New("--anonymous: the role admin is not for everybody; give it to a key or a network in --keys-file")
	}
	return nil
}

// Policy reads the keys file, if there is one, and returns the policy, and how many
// entries the file has. The error names the file and the line.
func (a *Access) Policy() (*access.Policy, int, error) {
	anonymous := access.Read | access.Write
	if a.KeysFile != "" {
		anonymous = access.Read
	}
	if a.Anonymous != auto {
		var err error
		if anonymous, err = access.ParseRoles(a.Anonymous); err != nil {
			return nil, 0, fmt.Errorf("--anonymous: %w", err)
		}
	}
	if a.KeysFile == "" {
		return access.Open(anonymous), 0, nil
	}
	entries, err := access.ParseFile(a.KeysFile)
	if err != nil {
		return nil, 0, fmt.Errorf("--keys-file %w", err)
	}
	return access.New(anonymous, entries), len(entries), nil
}
