package main

import (
	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/config"
)

const configHelp = `Show which settings serve, or gateway, would have: the flags given here, else the
environment, else the file of --config, else the defaults. What is shown is such a
file, with a comment on each line that says where its value comes from:

  torrentcache config > torrentcache.yaml
  torrentcache serve --config torrentcache.yaml
  torrentcache config gateway --backend cache1:9090

A file has a line for each setting: the name of the flag without --, a colon, and
the value. Unknown names are refused. A running server reads it again on SIGHUP,
but only keys, certificates, limits and deny lists change while it runs.`

func newConfig(env environment) *cobra.Command {
	c := showSettings("config", &config.Serve{}, env)
	c.Short, c.Long = "Show the settings in force", configHelp
	c.AddCommand(showSettings("serve", &config.Serve{}, env), showSettings("gateway", &config.Gateway{}, env))
	return c
}

// showSettings returns a command that shows the settings s.
func showSettings(name string, s config.Settings, env environment) *cobra.Command {
	out := facts{out: env.stdout}
	c := &cobra.Command{
		Use:   name,
		Short: "Show the settings that " + name + " would have",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := settings(c, env, s.Validate); err != nil {
				return err
			}
			if out.json {
				for _, s := range config.InForce(c.Flags()) {
					if err := out.tell(s, ""); err != nil {
						return err
					}
				}
				return nil
			}
			text, err := config.Format(c.Flags())
			if err != nil {
				return err
			}
			return out.tell(nil, text)
		},
	}
	s.AddFlags(c.Flags())
	out.addFlag(c.Flags())
	config.MarkOwn(c.Flags().Lookup("json"))
	return c
}
