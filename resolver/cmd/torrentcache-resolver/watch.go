package main

import (
	"context"
	"fmt"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/resolver/internal/work"
)

// watch looks for the torrents that the server names, until ctx ends.
func watch(ctx context.Context, s settings, env environment) error {
	h, err := open(s)
	if err != nil {
		return err
	}
	defer h.Close()
	r := report{environment: env, json: s.json, counts: map[work.Outcome]int{}}
	m := newMetrics(h)
	watcher := work.NewWatcher(h.worker, h.client.Wanted, func(result work.Result) {
		m.count(result.Outcome)
		r.tell(result)
	}, func(err error) {
		if err != nil {
			fmt.Fprintf(env.stderr, "torrentcache-resolver: the server does not say which torrents are wanted; trying again: %v\n", err)
			return
		}
		fmt.Fprintf(env.stderr, "torrentcache-resolver: %s says which torrents are wanted\n", s.server)
	})
	m.watch(watcher)
	if s.metricsAddr != config.Off {
		listener, err := lifecycle.Listen(ctx, "metrics-addr", s.metricsAddr)
		if err != nil {
			return err
		}
		server := lifecycle.NewAdminHTTP(m.handler(), nil)
		defer server.Close()
		go func() { _ = server.Serve(listener) }() // it ends with Close
	}
	watcher.Run(ctx)
	return r.failed
}
