package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
)

// flagIn finds the flags that a message names.
var flagIn = regexp.MustCompile(`--([a-z][a-z0-9-]*)`)

// Located returns err with where the settings stand that its message names as flags, if they do
// not stand on the command line: their variables, or file and line. Call it after [Fill].
// Located(flags, nil) is nil.
func Located(flags *pflag.FlagSet, err error) error {
	if err == nil {
		return nil
	}
	var places []string
	seen := map[string]bool{}
	for _, m := range flagIn.FindAllStringSubmatch(err.Error(), -1) {
		f := flags.Lookup(m[1])
		if f == nil || seen[f.Name] {
			continue
		}
		seen[f.Name] = true
		if place, ok := strings.CutPrefix(Source(f), environmentSource); ok {
			places = append(places, "--"+f.Name+" is set by the variable "+place)
		} else if _, inFile := f.Annotations[fileKey]; inFile {
			places = append(places, "--"+f.Name+" stands in "+Source(f))
		}
	}
	if len(places) == 0 {
		return err
	}
	return fmt.Errorf("%w (%s)", err, strings.Join(places, "; "))
}
