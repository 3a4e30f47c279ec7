package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
)

const healthHelp = `Ask a running server whether it can serve. This is for container health checks, since
the image has no curl:

  healthcheck:
    test: [CMD, /torrentcache, health]

The command asks /readyz at the admin listener, which takes no key. A server or gateway
with --admin-addr off answers at its HTTP address: --admin 127.0.0.1:8080.

Exit status: 0 it can serve, 1 it cannot, or nothing answers.
`

// healthTime bounds a check. A server answers /readyz within three seconds.
const healthTime = 5 * time.Second

// NewHealth returns the command health.
func NewHealth(env cli.Environment) *cobra.Command {
	var s target
	out := cli.Facts{Out: env.Stdout}
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask a running server whether it can serve",
		Long:  healthHelp,
		Args:  cli.NoArguments,
		RunE: s.with(env, func(c *cobra.Command, _ []string) error {
			return askHealth(c.Context(), s.admin, out)
		}),
	}
	s.addAddress(c.Flags())
	out.AddFlag(c.Flags())
	return c
}

// askHealth writes the answer of the server at admin, a HOST:PORT, to out. Its error says why the
// server cannot serve.
func askHealth(ctx context.Context, admin string, out cli.Facts) error {
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("--admin %q: %w", admin, err)
	}
	// The default transport would go through a proxy that the environment names.
	resp, err := (&http.Transport{}).RoundTrip(req)
	if err != nil {
		return fmt.Errorf("--admin %s: no torrentcache server answers there: %w", admin, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err != nil {
		return fmt.Errorf("--admin %s: %w", admin, err)
	}
	said := strings.TrimSpace(string(text))
	if resp.StatusCode == http.StatusOK {
		return out.Print(healthFact{true, said}, said+"\n")
	}
	return errors.Join(out.Print(healthFact{false, said}, ""), errors.New("not ready: "+said))
}

type healthFact struct {
	Ready   bool   `json:"ready"`
	Message string `json:"message"`
}

const drainHelp = `Make load balancers send nothing more to a running server: its /readyz answers 503 and
its gRPC health check NOT_SERVING. Requests that still come are served. Only a restart
ends this state.

  torrentcache drain && sleep 30 && systemctl restart torrentcache

The command does not wait until the balancers notice at their next checks. It adds a
line to the server's --audit-log.

Exit status: 0 the server drains, 1 it does not.
`

// NewDrain returns the command drain.
func NewDrain(env cli.Environment) *cobra.Command {
	var s target
	out := cli.Facts{Out: env.Stdout}
	c := &cobra.Command{
		Use:   "drain",
		Short: "Make load balancers send a server nothing more",
		Long:  drainHelp + adminHelp,
		Args:  cli.NoArguments,
		RunE: s.with(env, func(c *cobra.Command, _ []string) error {
			return drain(c.Context(), s, out)
		}),
	}
	s.addAdmin(c.Flags())
	out.AddFlag(c.Flags())
	return c
}

func drain(ctx context.Context, s target, out cli.Facts) error {
	o, err := s.dial()
	if err != nil {
		return err
	}
	defer o.close()
	if _, err := o.Drain(ctx, &torrentcachev1.DrainRequest{}); err != nil {
		return o.explain(err)
	}
	return out.Print(map[string]bool{"draining": true}, "draining: the server reports that it is not ready, and serves until it is stopped\n")
}
