package main

import (
	"fmt"
	"io"
	"os"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/inflate"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server"
)

// describeFile describes a file in the words of the API.
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
