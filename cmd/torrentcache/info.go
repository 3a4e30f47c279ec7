package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/metainfo"
)

const infoHelp = `Say what a torrent says of itself: a file on this machine, which no server is asked
about, or a cached one.

  torrentcache info my.torrent
  torrentcache info C12FE1C06BBA254A9DC9F519B335AA7C1367A88A
  torrentcache info --json my.torrent | jq -r .magnetLink

` + pastedHelp + `
A file may be compressed with gzip or bzip2. --json writes the API's
DescribeTorrentResponse, as GET /v1/torrents/{info_hash}/info does.
`

type infoSettings struct {
	remote
	json  bool
	files int
}

func newInfo(env environment) *cobra.Command {
	var s infoSettings
	c := &cobra.Command{
		Use:   "info FILE|HASH|MAGNET",
		Short: "Describe a torrent: a file, or a cached one",
		Long:  infoHelp + remoteHelp,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("info of what? Want one file, info hash or magnet link (torrentcache info --help)")
			}
			if err := settings(c, env, s.validate); err != nil {
				return err
			}
			return info(c.Context(), s, args[0], env)
		},
	}
	s.addFlags(c.Flags())
	c.Flags().BoolVar(&s.json, "json", false, "write JSON")
	c.Flags().IntVar(&s.files, "files", 1000, "list at most this many files")
	return c
}

func (s *infoSettings) validate() error {
	if s.files < 1 {
		return fmt.Errorf("--files %d: want one or more", s.files)
	}
	return s.remote.validate()
}

func info(ctx context.Context, s infoSettings, what string, env environment) error {
	described, err := describe(ctx, s, what)
	if err != nil {
		return err
	}
	if s.json {
		b, err := protojson.MarshalOptions{Multiline: true}.Marshal(described)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(env.stdout, string(b))
		return err
	}
	_, err = fmt.Fprint(env.stdout, infoText(described))
	return err
}

// describe takes what for a file if there is one of that name, else for an id.
func describe(ctx context.Context, s infoSettings, what string) (*torrentcachev1.DescribeTorrentResponse, error) {
	if _, err := os.Stat(what); err == nil {
		return describeFile(what, int64(s.maxTorrentSize), s.files)
	}
	id, err := parseTorrentID(what)
	if err != nil {
		return nil, fmt.Errorf("%w; and there is no file of that name", err)
	}
	c, err := s.dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Describe(ctx, id, s.files)
}

// infoText is a description for people.
func infoText(d *torrentcachev1.DescribeTorrentResponse) string {
	var b strings.Builder
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-14s %s\n", label, printable(value))
		}
	}
	line("name", d.GetName())
	line("info hash v1", d.GetInfoHashV1())
	line("info hash v2", d.GetInfoHashV2())
	line("content", fmt.Sprintf("%s, %s, %s of %s", exactBytes(d.GetContentSizeBytes()), progress.Count(d.GetFileCount(), "file"),
		progress.Count(d.GetPieceCount(), "piece"), exactBytes(d.GetPieceLengthBytes())))
	line("private", yes(d.GetPrivate()))
	line("source", d.GetSource())
	line("piece layers", map[bool]string{true: "missing from the file"}[d.GetMissingPieceLayers()])
	for i, tier := range d.GetTrackerTiers() {
		line(fmt.Sprintf("trackers %d", i+1), strings.Join(tier.GetUrls(), " "))
	}
	line("web seeds", strings.Join(append(d.GetWebSeeds(), d.GetHttpSeeds()...), " "))
	line("nodes", nodeList(d.GetNodes()))
	if d.GetCreationTime() != nil {
		line("created", d.GetCreationTime().AsTime().UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	line("created by", d.GetCreatedBy())
	line("comment", d.GetComment())
	line("torrent file", exactBytes(d.GetTorrentSizeBytes()))
	if d.GetUpdateTime() != nil {
		line("cached", d.GetUpdateTime().AsTime().UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	line("magnet", d.GetMagnetLink())
	line("cut", map[bool]string{true: "it says more than this: long texts end with " + metainfo.CutMark + ", long lists early"}[d.GetTruncated()])
	addFiles(&b, d)
	return b.String()
}
