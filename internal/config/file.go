package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// fileFlag is the flag that names the file of settings.
const fileFlag = "config"

// Fill sets each flag that the command line left alone from its variable in
// environ (as os.Environ gives it), or else from the file that the flag or the
// variable of config names, if there is one. The error names the variable, or
// the file and the line. [Source] then tells where each value comes from.
func Fill(flags *pflag.FlagSet, environ []string) error {
	flags.Visit(func(f *pflag.Flag) { setSource(f, "flag") })
	if err := fromEnvironment(flags, environ); err != nil {
		return err
	}
	file := flags.Lookup(fileFlag)
	if file == nil || file.Value.String() == "" {
		return nil
	}
	name := file.Value.String()
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("--%s: %w", fileFlag, err)
	}
	if err := fromFile(flags, text, name); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// fromFile sets the flags that are not set yet from text, one setting a line in
// YAML: the flag's name, a colon, its value. A list may be a YAML list.
func fromFile(flags *pflag.FlagSet, text []byte, name string) error {
	settings, err := parseFile(text)
	if err != nil {
		return err
	}
	seen := map[string]int{} // line
	for _, s := range settings {
		f := flags.Lookup(s.name)
		switch {
		case f == nil || s.name == fileFlag || s.name == "help" || f.Annotations[ownKey] != nil:
			return fmt.Errorf("line %d: unknown setting %q: settings have the names of the flags, without --", s.line, s.name)
		case seen[s.name] != 0:
			return fmt.Errorf("line %d: %s stands on line %d already", s.line, s.name, seen[s.name])
		}
		seen[s.name] = s.line
		if f.Changed {
			continue
		}
		if err := flags.Set(s.name, s.value); err != nil {
			return fmt.Errorf("line %d: %s: %q: %w", s.line, s.name, s.value, rootCause(err))
		}
		setSource(f, fmt.Sprintf("%s, line %d", name, s.line))
		annotate(f, fileKey, "")
	}
	return nil
}

// setting is one setting of a file.
type setting struct {
	name, value string
	line        int
}

// parseFile reads the settings in a YAML document, in their order.
func parseFile(text []byte) ([]setting, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil // nothing but comments
	case err != nil:
		return nil, yamlError(err)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one YAML document: want one")
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: want lines of NAME: VALUE", root.Line)
	}
	var settings []setting
	for i := 0; i+1 < len(root.Content); i += 2 {
		key := root.Content[i]
		value, err := valueOf(root.Content[i+1])
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", key.Line, key.Value, err)
		}
		settings = append(settings, setting{name: key.Value, value: value, line: key.Line})
	}
	return settings, nil
}

// valueOf returns the value of a setting as it stands in the file: off is off
// and not false.
func valueOf(n *yaml.Node) (string, error) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return "", errors.New(`no value: take the line out, or write "" for an empty one`)
	case n.Kind == yaml.ScalarNode:
		return n.Value, nil
	case n.Kind != yaml.SequenceNode:
		return "", errors.New("want a value or a list of values")
	}
	items := make([]string, len(n.Content))
	for i, item := range n.Content {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return "", errors.New("want a list of values")
		}
		items[i] = item.Value
	}
	return strings.Join(items, ","), nil
}

// yamlError strips the library's name from its message, which often has the line.
func yamlError(err error) error {
	return fmt.Errorf("want YAML, lines of NAME: VALUE: %s", strings.TrimPrefix(err.Error(), "yaml: "))
}

// flagIn finds the flags that a message names.
var flagIn = regexp.MustCompile(`--([a-z][a-z0-9-]*)`)

// Located returns err with the places of the settings that its message names as flags: the
// variable, or the file and the line. Settings of the command line get no place. Call it after
// [Fill]. Located(flags, nil) is nil.
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

// Settings are the settings of a command.
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

// Again fills fresh from the flags given on the command line, the environment, and the file
// of settings as it is now. It returns the names of the flags whose values differ from those
// with which the command was started.
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
