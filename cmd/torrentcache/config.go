package main

import (
	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/config"
)

const configHelp = `Show the settings that serve, or gateway, would run with. A flag given here wins
over the environment, the environment over the file of --config, and the file over
the default. The output is such a file itself; a comment on each line says where its
value comes from:

  torrentcache config > torrentcache.yaml
  torrentcache serve --config torrentcache.yaml
  torrentcache config gateway --backend cache1:9090

The file has a line for each setting: the name of the flag without --, a colon, and
the value. Unknown names are refused. A running server reads the file again on
SIGHUP, but only keys, certificates, limits and deny lists change while it runs.`

func newConfig(env cli.Environment) *cobra.Command {
	c := showSettings("config", &config.Serve{}, env)
	c.Short, c.Long = "Show the settings in force", configHelp
	c.AddCommand(showSettings("serve", &config.Serve{}, env), showSettings("gateway", &config.Gateway{}, env))
	return c
}

// showSettings returns a command that shows the settings s.
func showSettings(name string, s config.Settings, env cli.Environment) *cobra.Command {
	out := cli.Facts{Out: env.Stdout}
	c := &cobra.Command{
		Use:   name,
		Short: "Show the settings that " + name + " would have",
		Args:  cli.NoArguments,
		RunE: env.Run(s.Validate, func(c *cobra.Command, _ []string) error {
			if out.JSON {
				for _, s := range config.InForce(c.Flags()) {
					if err := out.Print(s, ""); err != nil {
						return err
					}
				}
				return nil
			}
			text, err := config.Format(c.Flags())
			if err != nil {
				return err
			}
			return out.Print(nil, text)
		}),
	}
	s.AddFlags(c.Flags())
	out.AddFlag(c.Flags())
	config.MarkOwn(c.Flags().Lookup("json"))
	return c
}
