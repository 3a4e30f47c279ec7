// Package manual makes the texts about the program's commands from the commands themselves: help,
// manual pages, completions, and files of settings with every setting in them.
package manual

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
)

// helpWidth is the width of the help in columns. It does not depend on the terminal, so that people
// see the same lines that documentation and logs quote.
const helpWidth = 80

// SetHelp makes root and its commands print their help in 80 columns.
func SetHelp(root *cobra.Command) {
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		fmt.Fprint(c.OutOrStdout(), helpText(c))
	})
	root.SetUsageFunc(func(c *cobra.Command) error {
		_, err := fmt.Fprint(c.OutOrStderr(), usageText(c))
		return err
	})
}

func helpText(c *cobra.Command) string {
	long := cmp.Or(c.Long, c.Short+".")
	return wrapProse(strings.TrimSpace(long)) + "\n\n" + usageText(c)
}

// usageText returns the ways to call c, its commands and its flags.
func usageText(c *cobra.Command) string {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if !c.HasAvailableSubCommands() || hasSettings(c) {
		fmt.Fprintf(&b, "  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n", c.CommandPath())
		writeCommands(&b, c)
	}
	for _, section := range config.Sections(c.Flags()) {
		fmt.Fprintf(&b, "\n%s:\n%s", cmp.Or(section.Title, "Flags"), section.Flags.FlagUsagesWrapped(helpWidth))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s COMMAND --help says more of a command.\n", c.CommandPath())
	}
	return b.String()
}

// hasSettings reports whether c has flags of its own.
func hasSettings(c *cobra.Command) bool {
	found := false
	c.Flags().VisitAll(func(f *pflag.Flag) { found = found || f.Name != "help" && f.Name != "version" })
	return found
}

// writeCommands lists the commands below c by their groups.
func writeCommands(b *strings.Builder, c *cobra.Command) {
	groups := c.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands"}}
	}
	for _, group := range groups {
		fmt.Fprintf(b, "\n%s:\n", group.Title)
		for _, command := range c.Commands() {
			if command.GroupID == group.ID && (command.IsAvailableCommand() || command.Name() == "help") {
				fmt.Fprintf(b, "  %-*s  %s\n", command.NamePadding(), command.Name(), command.Short)
			}
		}
	}
}

// wrapProse breaks the paragraphs of text at [helpWidth] columns. Indented lines and empty lines
// stay as they are.
func wrapProse(text string) string {
	var lines []string
	current := ""
	flush := func() {
		if current != "" {
			lines, current = append(lines, current), ""
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == ' ' || line[0] == '\t' {
			flush()
			lines = append(lines, line)
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if current != "" && len(current)+1+len(word) > helpWidth {
				flush()
			}
			if current != "" {
				current += " "
			}
			current += word
		}
	}
	flush()
	return strings.Join(lines, "\n")
}
