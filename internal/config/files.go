package config

import (
	"errors"
	"slices"
	"strings"
)

// Files are the names of files, as the value of a flag that may be given several times,
// each time with commas between names.
type Files []string

// String returns the names with commas between.
func (f *Files) String() string { return strings.Join(*f, ",") }

// Set adds names; one that is there already is not added again, and an empty text adds none.
func (f *Files) Set(text string) error {
	if text == "" {
		return nil
	}
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			return errors.New("want names of files, with commas between")
		}
		if !slices.Contains(*f, name) {
			*f = append(*f, name)
		}
	}
	return nil
}

// Type names the value in the help.
func (f *Files) Type() string { return "files" }
