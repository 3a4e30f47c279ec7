package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// envPrefix begins the name of every environment variable that is a setting.
const envPrefix = "TORRENTCACHE_"

// EnvName returns the environment variable of a flag: TORRENTCACHE_HTTP_ADDR
// for http-addr.
func EnvName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnvironment sets each flag that the command line left alone from its
// variable in environ (as os.Environ gives it). An empty variable counts as not
// set. The error names the variable.
func fromEnvironment(flags *pflag.FlagSet, environ []string) error {
	env := parseEnvironment(environ)
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		name := EnvName(f.Name)
		value := env[name]
		if f.Changed || value == "" || failed != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failed = fmt.Errorf("environment variable %s=%q: %w", name, value, rootCause(err))
		}
		setSource(f, environmentSource+name)
	})
	return failed
}

// FlagError returns err, an error of reading a command line, in the words that [Fill]
// uses for a wrong value. It returns other errors unchanged.
func FlagError(err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("--%s %q: %w", invalid.GetFlag().Name, invalid.GetValue(), rootCause(invalid))
	}
	return err
}

// rootCause strips pflag's words about the flag, which the user may not have used,
// and strconv's words about itself.
func rootCause(err error) error {
	if invalid, ok := err.(*pflag.InvalidValueError); ok && invalid.Unwrap() != nil {
		err = invalid.Unwrap()
	}
	switch e, ok := errors.AsType[*strconv.NumError](err); {
	case !ok:
		return err
	case e.Func == "ParseFloat":
		return errors.New("want a number")
	case e.Func == "ParseBool":
		return errors.New("want true or false")
	default:
		return errors.New("want a whole number")
	}
}

// UnknownVariables returns, in order, the names in environ that look like a
// setting but are the variable of none of the known flags. They are likely
// slips, and worth a warning, not an error: Kubernetes puts variables like
// TORRENTCACHE_PORT into every container beside a service named torrentcache.
func UnknownVariables(environ []string, known []*pflag.FlagSet) []string {
	names := map[string]bool{}
	for _, flags := range known {
		flags.VisitAll(func(f *pflag.Flag) { names[EnvName(f.Name)] = true })
	}
	var unknown []string
	for name := range parseEnvironment(environ) {
		if !names[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// parseEnvironment returns the variables that begin with the prefix.
func parseEnvironment(environ []string) map[string]string {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) {
			env[name] = value
		}
	}
	return env
}
