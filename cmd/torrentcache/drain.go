package main

import (
	"context"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

const drainHelp = `Have load balancers send a running server nothing more: from now on its /readyz
answers 503 and its gRPC health check NOT_SERVING. What comes is still served. Only a
restart undoes it.

  torrentcache drain && sleep 30 && systemctl restart torrentcache

It does not wait: balancers notice at their next checks. The server's --audit-log gets
a line.

Exit status: 0 the server drains, 1 it does not.
`

func newDrain(env environment) *cobra.Command {
	var s site
	out := facts{out: env.stdout}
	c := &cobra.Command{
		Use:   "drain",
		Short: "Have load balancers send a server nothing more",
		Long:  drainHelp + adminHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.settings(c, env); err != nil {
				return err
			}
			return drain(c.Context(), s, out)
		},
	}
	s.addAdmin(c.Flags())
	out.addFlag(c.Flags())
	return c
}

func drain(ctx context.Context, s site, out facts) error {
	o, err := s.dial()
	if err != nil {
		return err
	}
	defer o.close()
	if _, err := o.Drain(ctx, &torrentcachev1.DrainRequest{}); err != nil {
		return o.explain(err)
	}
	return out.tell(map[string]bool{"draining": true}, "draining: it says that it is not ready, and serves on until it is stopped\n")
}
