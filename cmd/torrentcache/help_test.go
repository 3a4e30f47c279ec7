package main

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/cli"
)

// The help of every command fits a terminal of 80 columns and names all its flags.
func TestHelpFitsATerminal(t *testing.T) {
	flagLine := regexp.MustCompile(`(?m)^  (?:    |-., )--([^ ]+) `)
	commands := 0
	everyCommand(newRoot(cli.Environment{Stdout: io.Discard, Stderr: io.Discard}), func(c *cobra.Command) {
		commands++
		c.InitDefaultHelpFlag()
		help := helpOf(t, c)
		for line := range strings.Lines(help) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%s --help has a line of %d columns: %q", c.CommandPath(), n, line)
			}
		}
		_, flags, _ := strings.Cut(help, "\nUsage:\n")
		listed := map[string]int{}
		for _, flag := range flagLine.FindAllStringSubmatch(flags, -1) {
			listed[flag[1]]++
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if n := listed[f.Name]; n != 1 {
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
	root := newRoot(cli.Environment{Stdout: io.Discard, Stderr: io.Discard})
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

// helpOf returns the output of c with --help.
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
