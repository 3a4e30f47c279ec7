package main

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The help of every command fits a terminal of 80 columns and names all its flags.
func TestHelpFitsATerminal(t *testing.T) {
	commands := 0
	everyCommand(newRoot(environment{stdout: io.Discard, stderr: io.Discard}), func(c *cobra.Command) {
		commands++
		c.InitDefaultHelpFlag()
		help := helpOf(t, c)
		for line := range strings.Lines(help) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%s --help has a line of %d columns: %q", c.CommandPath(), n, line)
			}
		}
		_, flags, _ := strings.Cut(help, "\nUsage:\n")
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if n := len(regexp.MustCompile(`(?m)^  (    |-., )--`+f.Name+" ").FindAllString(flags, -1)); n != 1 {
				t.Errorf("%s --help lists --%s %d times", c.CommandPath(), f.Name, n)
			}
		})
	})
	if commands < 20 {
		t.Errorf("only %d commands", commands)
	}
}

// The help of torrentcache lists every command once.
func TestHelpListsEveryCommand(t *testing.T) {
	root := newRoot(environment{stdout: io.Discard, stderr: io.Discard})
	help := helpOf(t, root)
	for _, c := range root.Commands() {
		if c.Hidden {
			continue
		}
		if n := strings.Count(help, "\n  "+c.Name()+" "); n != 1 {
			t.Errorf("%s is listed %d times in\n%s", c.Name(), n, help)
		}
	}
}

// helpOf returns what c says with --help.
func helpOf(t *testing.T, c *cobra.Command) string {
	t.Helper()
	var text strings.Builder
	c.SetOut(&text)
	if err := c.Help(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func everyCommand(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, below := range c.Commands() {
		everyCommand(below, visit)
	}
}
