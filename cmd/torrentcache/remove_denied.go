package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/deny"
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
	case err != nil || run.err != nil:
		return errors.Join(err, run.err)
	case run.failed > 0:
		return &exitError{exitSomeFailed, fmt.Sprintf("%s failed for %d of %d", c.Name(), run.failed, run.removed+run.failed)}
	case run.removed == 0 && !s.facts.json:
		return s.facts.tell(nil, "nothing that the deny lists name is cached\n")
	}
	return nil
}

// denialRun is one run of remove --denied.
type denialRun struct {
	settings        *removeSettings
	operator        *operator
	env             environment
	removed, failed int
	err             error // of telling it
}

// remove removes one torrent, with the line that names it as the reference, unless it is to be
// said only.
func (r *denialRun) remove(ctx context.Context, torrent *torrentcachev1.DeniedTorrent) {
	line := deny.Line{File: torrent.GetFile(), Number: int(torrent.GetLine())}.String()
	hash, status := torrent.GetInfoHash(), "would_be_removed"
	if !r.settings.dryRun {
		status = "removed"
		_, err := r.operator.RemoveTorrent(ctx, &torrentcachev1.RemoveTorrentRequest{
			InfoHash: hash, Reason: r.settings.reason, Reference: line, Erase: r.settings.erase})
		if err != nil {
			r.failed++
			err = r.operator.explain(err)
			r.note(r.settings.facts.tellFailed(r.env.stderr, failedItem(hash, err), err))
			return
		}
	}
	r.removed++
	r.note(r.settings.facts.tell(deniedFact{hash, status, line},
		fmt.Sprintf("%s %s; %s names it\n", hash, strings.ReplaceAll(status, "_", " "), line)))
}

// note keeps the first error of telling what was done.
func (r *denialRun) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

type deniedFact struct {
	InfoHash  string `json:"info_hash"`
	Status    string `json:"status"`
	Reference string `json:"reference"`
}
