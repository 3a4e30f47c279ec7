package config

import (
	"fmt"

	"github.com/spf13/pflag"
)

// Settings are those of a command.
type Settings interface {
	AddFlags(*pflag.FlagSet)
	Validate() error
}

// Given returns the flags that the command line set, with their values. Call it
// before [Fill].
func Given(flags *pflag.FlagSet) map[string]string {
	given := map[string]string{}
	flags.Visit(func(f *pflag.Flag) { given[f.Name] = f.Value.String() })
	return given
}

// Again fills fresh with what the command line gave, the environment, and the file of
// settings as it is now. It returns which flags differ from those that the command was
// started with.
func Again(fresh Settings, started *pflag.FlagSet, given map[string]string, environ []string) (changed []string, err error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	fresh.AddFlags(flags)
	for name, value := range given {
		if err := flags.Set(name, value); err != nil {
			return nil, fmt.Errorf("--%s: %w", name, rootCause(err))
		}
	}
	if err := Fill(flags, environ); err != nil {
		return nil, err
	}
	if err := fresh.Validate(); err != nil {
		return nil, Located(flags, err)
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Value.String() != started.Lookup(f.Name).Value.String() {
			changed = append(changed, f.Name)
		}
	})
	return changed, nil
}
