package config

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// choice is the value of a flag that takes one of a few texts.
type choice struct {
	value   *string
	allowed []string
}

// choiceVar adds a flag for *p, which takes one of the allowed texts. The first is the default.
func choiceVar(flags *pflag.FlagSet, p *string, name, usage string, allowed ...string) {
	*p = allowed[0]
	flags.Var(&choice{p, allowed}, name, usage)
}

// Choices returns the texts that a flag takes; none if it takes more than a few.
func Choices(f *pflag.Flag) []string {
	if c, ok := f.Value.(*choice); ok {
		return c.allowed
	}
	return nil
}

// Set takes one of the texts.
func (c *choice) Set(text string) error {
	if !slices.Contains(c.allowed, text) {
		return errors.New("want one of " + strings.Join(c.allowed, ", "))
	}
	*c.value = text
	return nil
}

// String returns the text that was chosen.
func (c *choice) String() string { return *c.value }

// Type names the kind of value in the help.
func (*choice) Type() string { return "string" }

// addEach splits text at commas, and adds the result of parse for each item to *list. A value that
// is there already is not added again, and an empty text adds nothing.
func addEach(list *[]string, text string, parse func(string) (string, error)) error {
	if text == "" {
		return nil
	}
	for item := range strings.SplitSeq(text, ",") {
		value, err := parse(strings.TrimSpace(item))
		if err != nil {
			return err
		}
		if !slices.Contains(*list, value) {
			*list = append(*list, value)
		}
	}
	return nil
}

// orError returns a function that returns its text unchanged, or an error with message if the text
// is empty.
func orError(message string) func(string) (string, error) {
	return func(text string) (string, error) {
		if text == "" {
			return "", errors.New(message)
		}
		return text, nil
	}
}

// Files are the names of files, as the value of a flag that may be given several times,
// each time with commas between names.
type Files []string

// String returns the names with commas between.
func (f *Files) String() string { return strings.Join(*f, ",") }

// Set adds names; one that is there already is not added again, and an empty text adds none.
func (f *Files) Set(text string) error {
	return addEach((*[]string)(f), text, orError("want names of files, with commas between"))
}

// Type names the value in the help.
func (f *Files) Type() string { return "files" }
