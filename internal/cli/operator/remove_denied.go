package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/progress"
)

// removeDenied removes the cached torrents that the server's deny lists name.
func (s *listSettings) removeDenied(c *cobra.Command, args []string, env cli.Environment, erase bool) error {
	switch {
	case len(args) > 0:
		return errors.New("--denied removes all torrents that the server's deny lists name: give no info hashes with it")
	case s.reference != "":
		return errors.New("--denied takes no --reference: the reference is the line of the deny list")
	}
	if s.reason == "" {
		s.reason = "deny list"
	}
	o, err := s.dial()
	if err != nil {
		return err
	}
	defer o.close()
	run := &denialRun{settings: s, erase: erase, admin: o, env: env}
	found, err := o.FindDeniedTorrents(c.Context(), &torrentcachev1.FindDeniedTorrentsRequest{})
	err = follow(o, found, err, func(answer *torrentcachev1.FindDeniedTorrentsResponse) {
		for _, torrent := range answer.GetTorrents() {
			run.remove(c.Context(), torrent)
		}
	})
	switch {
	case c.Context().Err() != nil:
		return fmt.Errorf("interrupted after %s", progress.Count(int64(run.removed), "torrent"))
	case err != nil || run.err != nil:
		return errors.Join(err, run.err)
	case run.failed > 0:
		return cli.SomeFailed(fmt.Sprintf("%s failed for %d of %d", c.Name(), run.failed, run.removed+run.failed))
	case run.removed == 0 && !s.facts.JSON:
		return s.facts.Print(nil, "no cached torrent is named by the deny lists\n")
	}
	return nil
}

// denialRun is one run of remove --denied.
type denialRun struct {
	settings        *listSettings
	erase           bool
	admin           *connection
	env             cli.Environment
	removed, failed int
	err             error // the first error of writing the report
}

// remove removes one torrent, unless this is a dry run. The reference is its line in the list.
func (r *denialRun) remove(ctx context.Context, torrent *torrentcachev1.DeniedTorrent) {
	line := deny.Line{File: torrent.GetFile(), Number: int(torrent.GetLine())}.String()
	hash, status := torrent.GetInfoHash(), "would_be_removed"
	if !r.settings.dryRun {
		status = "removed"
		_, err := r.admin.RemoveTorrent(ctx, &torrentcachev1.RemoveTorrentRequest{
			InfoHash: hash, Reason: r.settings.reason, Reference: line, Erase: r.erase})
		if err != nil {
			r.failed++
			err = r.admin.explain(err)
			r.note(r.settings.facts.PrintFailed(r.env.Stderr, cli.FailedItem(hash, err), err))
			return
		}
	}
	r.removed++
	r.note(r.settings.facts.Print(deniedFact{hash, status, line},
		fmt.Sprintf("%s %s; %s names it\n", hash, strings.ReplaceAll(status, "_", " "), line)))
}

// note keeps the first error of writing the report.
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
