package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/buildinfo"
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
TORRENTCACHE_HTTP_ADDR, and so on. A flag wins over its variable, and that over the
file of --config.`

// newRoot returns the command with all its commands.
func newRoot(env environment) *cobra.Command {
	root := &cobra.Command{
		Use:           "torrentcache",
		Short:         "Store .torrent files and hand them out by info hash",
		Long:          rootHelp,
		Version:       buildinfo.Read().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "say which build this is")
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w (%s --help lists the flags)", config.FlagError(err), c.CommandPath())
	})
	manual.SetHelp(root)
	addGroup(root, "Serve", newServe(env), newGateway(env), newConfig(env), newKey(env))
	addGroup(root, "Use a server", newPush(env), newGet(env), newInfo(env), newMissing(env), newChanges(env), newImport(env))
	addGroup(root, "Run a server", newRemove(env), newRestore(env), newStats(env), newDrain(env), newHealth(env),
		newVerify(env), newBackup(env), newReindex(env), newExport(env), newMigrate(env), newMirror(env))
	addGroup(root, "More", newVersion(env), newPackageFiles(env))
	root.SetHelpCommand(newHelp())
	root.SetCompletionCommandGroupID("More")
	addHints(root)
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

func newVersion(env environment) *cobra.Command {
	out := facts{out: env.stdout}
	c := &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			b := buildinfo.Read()
			return out.tell(versionFact{b.Version, b.Revision, b.Go, b.Platform}, b.String()+"\n")
		},
	}
	out.addFlag(c.Flags())
	return c
}

type versionFact struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 && c.HasAvailableSubCommands() {
		return wrongCommand(c, args[0])
	}
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, got %q: settings are flags (%s --help lists them)", c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}

// settings fills what the command line left alone from the environment and the
// file of settings, checks the whole, and warns of variables that no command knows.
func settings(c *cobra.Command, env environment, validate func() error) error {
	if err := config.Fill(c.Flags(), env.environ); err != nil {
		return err
	}
	if err := validate(); err != nil {
		return err
	}
	var known []*pflag.FlagSet
	for _, command := range c.Root().Commands() {
		known = append(known, command.Flags())
	}
	for _, name := range config.UnknownVariables(env.environ, known) {
		fmt.Fprintf(env.stderr, "torrentcache: warning: the environment variable %s is no setting and is ignored\n", name)
	}
	return nil
}
