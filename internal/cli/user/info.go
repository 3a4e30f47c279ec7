package user

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/inflate"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/manual"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server"
)

const infoHelp = `Describe a torrent: a file on this machine, for which no server is asked, or a cached
torrent.

  torrentcache info my.torrent
  torrentcache info C12FE1C06BBA254A9DC9F519B335AA7C1367A88A
  torrentcache info --json my.torrent | jq -r .magnetLink
  torrentcache info --all > catalogue.jsonl    all of a server (role sync)
  torrentcache info --all --data-dir BACKUP    all of a backup

` + lists.Help + `
A file may be compressed with gzip or bzip2. --json writes the API's
DescribeTorrentResponse, as GET /v1/torrents/{info_hash}/info does.

--all writes a line of JSON for each cached torrent: info hashes, name, size, number of
files, the times of its creation and of its caching; with --trackers also its trackers.
--data-dir is a backup, or the folder of a server that does not run; info writes
nothing there. Exit status with --all: 0 all were written, 3 some could not be read,
1 info did not get to the end.
`

type infoSettings struct {
	remote
	json     bool
	files    int
	all      bool
	trackers bool
	dataDir  string // with all: the folder to read; "" means the server
}

// NewInfo returns the command info.
func NewInfo(env cli.Environment) *cobra.Command {
	var s infoSettings
	c := &cobra.Command{
		Use:               "info FILE|HASH|MAGNET|--all",
		SuggestFor:        []string{"describe", "show"},
		Short:             "Describe a torrent, or all cached torrents",
		Long:              infoHelp + remoteHelp,
		ValidArgsFunction: manual.CompleteFiles,
		RunE: func(c *cobra.Command, args []string) error {
			if s.all != (len(args) == 0) || len(args) > 1 {
				return errors.New("info about which torrent? Want one file, info hash or magnet link, or --all (torrentcache info --help)")
			}
			byServer, byFolder := c.Flags().Changed("server"), c.Flags().Changed("data-dir")
			if err := env.Settings(c, s.validate); err != nil {
				return err
			}
			if byServer && !byFolder {
				s.dataDir = "" // from the environment, which may set it for serve
			}
			if s.all {
				return writeCatalogue(c.Context(), s.remote, s.dataDir, s.trackers, env)
			}
			return info(c.Context(), s, args[0], env)
		},
	}
	s.addFlags(c.Flags())
	c.Flags().BoolVar(&s.json, "json", false, "write JSON")
	c.Flags().IntVar(&s.files, "files", 1000, "list at most this many files")
	c.Flags().BoolVar(&s.all, "all", false, "write a line of JSON for each cached torrent")
	c.Flags().BoolVar(&s.trackers, "trackers", false, "with --all: also write trackers; their addresses may hold passkeys")
	c.Flags().StringVar(&s.dataDir, "data-dir", "", "with --all: `folder` of a backup, or of a server that does not run")
	return c
}

func (s *infoSettings) validate() error {
	if s.files < 1 {
		return fmt.Errorf("--files %d: want one or more", s.files)
	}
	return s.remote.validate()
}

func info(ctx context.Context, s infoSettings, name string, env cli.Environment) error {
	described, err := describe(ctx, s, name)
	if err != nil {
		return err
	}
	if s.json {
		b, err := protojson.MarshalOptions{Multiline: true}.Marshal(described)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(env.Stdout, string(progress.EscapeJSON(b)))
		return err
	}
	_, err = fmt.Fprint(env.Stdout, infoText(described))
	return err
}

// describe describes the file called name if there is one, else the cached torrent that name
// names.
func describe(ctx context.Context, s infoSettings, name string) (*torrentcachev1.DescribeTorrentResponse, error) {
	if _, err := os.Stat(name); err == nil {
		return describeFile(name, int64(s.maxTorrentSize), s.files)
	}
	id, err := lists.ParseID(name)
	if err != nil {
		return nil, fmt.Errorf("%w; and no file has that name", err)
	}
	c, err := s.dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Describe(ctx, id, s.files)
}

// describeFile describes a file as the API describes a cached torrent.
func describeFile(path string, maxSize int64, maxFiles int) (*torrentcachev1.DescribeTorrentResponse, error) {
	torrent, err := readTorrent(path, maxSize)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	answer := server.Describe(torrent)
	for want := min(maxFiles, int(answer.FileCount)); len(answer.Files) < want; {
		server.AddFiles(answer, torrent, len(answer.Files), want-len(answer.Files))
	}
	return answer, nil
}

func readTorrent(path string, maxSize int64) (*metainfo.Torrent, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > maxSize {
		return nil, fmt.Errorf("larger than %d bytes (--max-torrent-size)", maxSize)
	}
	if b, err = inflate.Inflate(b, maxSize); err != nil {
		return nil, err
	}
	return metainfo.Parse(b)
}
