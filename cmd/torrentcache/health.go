package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const healthHelp = `Ask a running server whether it can serve. It is for what looks after containers,
whose image has no curl:

  healthcheck:
    test: [CMD, /torrentcache, health]

It asks /readyz at the admin listener, which needs no key. A server or gateway with
--admin-addr off answers at its HTTP address, too: --admin 127.0.0.1:8080.

Exit status: 0 it can serve, 1 it cannot, or nothing answers.
`

// healthTime bounds a check; the server answers within three seconds whether it can
// serve.
const healthTime = 5 * time.Second

func newHealth(env environment) *cobra.Command {
	var s site
	out := facts{out: env.stdout}
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask a running server whether it can serve",
		Long:  healthHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.settings(c, env); err != nil {
				return err
			}
			return askHealth(c.Context(), s.admin, out)
		},
	}
	s.addAddress(c.Flags())
	out.addFlag(c.Flags())
	return c
}

// askHealth writes what the server at admin, a HOST:PORT, says of itself to out. The
// error says why it cannot serve.
func askHealth(ctx context.Context, admin string, out facts) error {
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("--admin %q: %w", admin, err)
	}
	// Not the default transport: that would ask a proxy of the environment.
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
		return out.tell(healthFact{true, said}, said+"\n")
	}
	return errors.Join(out.tell(healthFact{false, said}, ""), errors.New("not ready: "+said))
}

type healthFact struct {
	Ready   bool   `json:"ready"`
	Message string `json:"message"`
}
