package manual

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
)

// Shells complete names of files unless a command says otherwise. Every flag and every command of
// the program therefore declares its values, so that shells offer files only where files are meant.

// AddCompletions declares the values of the flags and arguments of c and the commands below it. The
// arguments of a command without a ValidArgsFunction have no completions.
func AddCompletions(c *cobra.Command) {
	if c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		_ = c.RegisterFlagCompletionFunc(f.Name, flagValues(f)) // the flag exists and has no function
	})
	for _, below := range c.Commands() {
		AddCompletions(below)
	}
}

// flagValues returns the function that completes the value of a flag.
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

// fixedValues returns the values of a flag that takes few, or the common ones of a flag.
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
