package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/inflate"
	"github.com/torrentcache/torrentcache/metainfo"
)

// describeFile describes a file in the words of the API.
func describeFile(path string, maxSize int64, maxFiles int) (*torrentcachev1.DescribeTorrentResponse, error) {
	torrent, err := readTorrent(path, maxSize)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d, ids := torrent.Describe(), torrent.IDs()
	answer := &torrentcachev1.DescribeTorrentResponse{
		InfoHash:           ids.Primary().String(),
		InfoHashV1:         ids.V1.String(),
		InfoHashV2:         ids.V2.String(),
		TorrentSizeBytes:   int64(len(torrent.Bytes())),
		Name:               utf8Text(d.Name),
		ContentSizeBytes:   torrent.TotalSize(),
		PieceLengthBytes:   d.PieceLength,
		PieceCount:         d.PieceCount,
		Private:            d.Private,
		WebSeeds:           utf8Texts(d.WebSeeds),
		HttpSeeds:          utf8Texts(d.HTTPSeeds),
		CreationTime:       timestampOf(d.CreationDate),
		CreatedBy:          utf8Text(d.CreatedBy),
		Comment:            utf8Text(d.Comment),
		Source:             utf8Text(d.Source),
		MagnetLink:         d.Magnet,
		MissingPieceLayers: torrent.MissingPieceLayers(),
		FileCount:          int64(d.FileCount),
	}
	for _, urls := range d.Trackers {
		answer.TrackerTiers = append(answer.TrackerTiers, &torrentcachev1.TrackerTier{Urls: utf8Texts(urls)})
	}
	for _, node := range d.Nodes {
		answer.Nodes = append(answer.Nodes, &torrentcachev1.DhtNode{Host: utf8Text(node.Host), Port: int32(node.Port)})
	}
	for _, file := range torrent.Files(0, maxFiles) {
		answer.Files = append(answer.Files, &torrentcachev1.TorrentFile{
			PathSegments: utf8Texts(file.Path), SizeBytes: file.Length, Pad: file.Pad, Attributes: utf8Text(file.Attr),
			SymlinkPathSegments: utf8Texts(file.SymlinkPath), PiecesRoot: file.PiecesRoot,
		})
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

func timestampOf(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// utf8Text returns text with U+FFFD in place of each bad byte, as the API does.
func utf8Text(text string) string { return string([]rune(text)) }

func utf8Texts(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = utf8Text(text)
	}
	return out
}
