package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/buildinfo"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/cli/keys"
	"github.com/torrentcache/torrentcache/internal/cli/migration"
	"github.com/torrentcache/torrentcache/internal/cli/operator"
	"github.com/torrentcache/torrentcache/internal/cli/user"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/manual"
)

const rootHelp = `torrentcache stores .torrent files and hands them out by info hash.

  torrentcache serve                          everything, on this machine only
  torrentcache serve --http-addr :8080        the same, open to the network
  torrentcache gateway --backend cache1:9090  the HTTP doors alone
  torrentcache push ~/torrents old.tar.xz     cache folders and archives
  torrentcache get INFOHASH                   fetch one torrent
  torrentcache backup DIR                     copy a running server's store
  torrentcache verify                         check it for damage

Every flag can also be set in the environment: --http-addr by
TORRENTCACHE_HTTP_ADDR, and so on. A flag wins over its variable, and the variable
wins over the file of --config.`

// newRoot returns the command torrentcache with all its subcommands.
func newRoot(env cli.Environment) *cobra.Command {
	root := &cobra.Command{
		Use:           "torrentcache",
		Short:         "Store .torrent files and hand them out by info hash",
		Long:          rootHelp,
		Version:       buildinfo.Read().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print the version of this build")
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w (%s --help lists the flags)", config.FlagError(err), c.CommandPath())
	})
	manual.SetHelp(root)
	addGroup(root, "Serve", newServe(env), newGateway(env), newConfig(env), keys.NewKey(env))
	addGroup(root, "Use a server", user.NewPush(env), user.NewGet(env), user.NewInfo(env), user.NewMissing(env),
		user.NewChanges(env), user.NewImport(env))
	addGroup(root, "Run a server", operator.NewRemove(env), operator.NewRestore(env), operator.NewStats(env),
		operator.NewDrain(env), operator.NewHealth(env), operator.NewVerify(env), operator.NewBackup(env),
		operator.NewReindex(env), operator.NewExport(env), migration.NewMigrate(env), operator.NewMirror(env))
	addGroup(root, "More", newVersion(env), newPackageFiles(env))
	root.SetHelpCommand(newHelp())
	root.SetCompletionCommandGroupID("More")
	cli.AddHints(root)
	manual.AddCompletions(root)
	return root
}

// addGroup adds commands to root, whose help lists them together under title.
func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
		root.AddCommand(c)
	}
}

func newVersion(env cli.Environment) *cobra.Command {
	out := cli.Facts{Out: env.Stdout}
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this build",
		Args:  cli.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			b := buildinfo.Read()
			return out.Print(versionFact{b.Version, b.Revision, b.Go, b.Platform}, b.String()+"\n")
		},
	}
	out.AddFlag(c.Flags())
	return c
}

type versionFact struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// newHelp returns the command help. Cobra's own help command shows the root's help for a command
// that does not exist.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [command]",
		Short:   "Help about any command",
		GroupID: "More",
		ValidArgsFunction: func(c *cobra.Command, args []string, begun string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			for _, below := range about.Commands() {
				if below.IsAvailableCommand() && strings.HasPrefix(below.Name(), begun) {
					names = append(names, cobra.CompletionWithDesc(below.Name(), below.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return cli.WrongCommand(about, rest[0])
			}
			about.InitDefaultHelpFlag() // cobra adds the flag only when a command runs
			return about.Help()
		},
	}
}
