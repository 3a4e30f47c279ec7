package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/progress"
)

// removeDenied removes what the server's deny lists name and its store holds.
func (s *removeSettings) removeDenied(c *cobra.Command, args []string, env environment) error {
	switch {
	case len(args) > 0:
		return errors.New("--denied takes no info hashes: it removes what the server's deny lists name")
	case s.reference != "":
		return errors.New("--denied and --reference: the reference is the line that names a torrent")
	}
	if s.reason == "" {
		s.reason = "deny list"
	}
	o, err := s.dial()
	if err != nil {
		return err
	}
	defer o.close()
	run := &denialRun{settings: s, operator: o, env: env}
	found, err := o.FindDeniedTorrents(c.Context(), &torrentcachev1.FindDeniedTorrentsRequest{})
	err = follow(o, found, err, func(answer *torrentcachev1.FindDeniedTorrentsResponse) {
		for _, torrent := range answer.GetTorrents() {
			run.remove(c.Context(), torrent)
		}
	})
	switch {
	case c.Context().Err() != nil:
		return fmt.Errorf("interrupted after %d", run.removed)
	case err != nil:
		return err
	case run.failed > 0:
		return &exitError{exitSomeFailed, fmt.Sprintf("%s failed for %d of %d", c.Name(), run.failed, run.removed+run.failed)}
	case run.removed == 0:
		_, err = fmt.Fprintln(env.stdout, "nothing that the deny lists name is cached")
	}
	return err
}

// denialRun is one run of remove --denied.
type denialRun struct {
	settings        *removeSettings
	operator        *operator
	env             environment
	removed, failed int
}

// remove removes one torrent, with the line that names it as the reference.
func (r *denialRun) remove(ctx context.Context, torrent *torrentcachev1.DeniedTorrent) {
	line := deny.Line{File: torrent.GetFile(), Number: int(torrent.GetLine())}
	_, err := r.operator.RemoveTorrent(ctx, &torrentcachev1.RemoveTorrentRequest{
		InfoHash: torrent.GetInfoHash(), Reason: r.settings.reason, Reference: line.String(), Erase: r.settings.erase})
	if err != nil {
		r.failed++
		fmt.Fprintf(r.env.stderr, "%s: %s\n", torrent.GetInfoHash(), progress.OneLine(r.operator.explain(err).Error()))
		return
	}
	r.removed++
	fmt.Fprintf(r.env.stdout, "%s removed; %s names it\n", torrent.GetInfoHash(), progress.Printable(line.String()))
}
