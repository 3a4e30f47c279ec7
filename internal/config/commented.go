package config

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// commentWidth is how many columns the comments of [Commented] have.
const commentWidth = 98

// Commented returns a file for --config that has all settings under the titles of
// their sections, each with what it is about and, as a comment, its default. Those in
// set are no comments, with the values given there; a name in it that is no flag is an
// error.
func Commented(flags *pflag.FlagSet, set map[string]string) (string, error) {
	for name := range set {
		if flags.Lookup(name) == nil {
			return "", fmt.Errorf("there is no setting %q", name)
		}
	}
	var b strings.Builder
	var failed error
	for _, section := range Sections(flags) {
		fmt.Fprintf(&b, "\n### %s\n", section.Title)
		section.Flags.VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" || f.Name == fileFlag {
				return
			}
			mark, value := "#", f.DefValue
			if v, ok := set[f.Name]; ok {
				mark, value = "", v
			}
			line, err := yaml.Marshal(map[string]*yaml.Node{f.Name: valueNode(value)})
			if err != nil {
				failed = fmt.Errorf("%s: %w", f.Name, err)
			}
			_, usage := pflag.UnquoteUsage(f)
			fmt.Fprintf(&b, "\n%s%s%s", commentOf(usage), mark, line)
		})
	}
	return b.String(), failed
}

// valueNode is the value of a setting in a file.
func valueNode(value string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
	if value == "" {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// commentOf returns text as lines of comments.
func commentOf(text string) string {
	var b strings.Builder
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > commentWidth {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}
