package manual

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
)

// Shells complete names of files where a command says nothing else. So that they do it only
// where files are meant, every flag and every command of the program says what it takes.

// AddCompletions has c and the commands below it say what their flags and arguments may be. An
// argument is nothing that can be listed unless the command says otherwise.
func AddCompletions(c *cobra.Command) {
	if c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		_ = c.RegisterFlagCompletionFunc(f.Name, flagValues(f)) // the flag is there, and has none yet
	})
	for _, below := range c.Commands() {
		AddCompletions(below)
	}
}

// flagValues returns what completes the value of a flag.
func flagValues(f *pflag.Flag) cobra.CompletionFunc {
	argument, _ := pflag.UnquoteUsage(f)
	switch values := fixedValues(f); {
	case len(values) > 0:
		return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	case argument == "file" || argument == "files":
		return CompleteFiles
	case argument == "folder":
		return CompleteFolders
	}
	return cobra.NoFileCompletions
}

// fixedValues returns the few values that a flag takes, or those of many that are words.
func fixedValues(f *pflag.Flag) []string {
	switch f.Name {
	case "anonymous":
		return []string{"auto", "none", "read", "read,write", "read,write,sync"}
	case "role":
		return []string{"read", "write", "sync", "admin", "read,write", "read,write,sync,admin"}
	case "removed-status":
		return []string{"410", "451"}
	case "http-addr", "https-addr", "admin-addr", "grpc-addr":
		return []string{f.DefValue, config.Off}
	}
	return slices.Clone(config.Choices(f))
}

// CompleteFiles completes arguments that are names of files.
func CompleteFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// CompleteFolders completes arguments that are names of folders.
func CompleteFolders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
