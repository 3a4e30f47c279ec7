package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/store"
)

// A description takes at most describing times the torrent's size, and at most maxDescribing
// bytes, in messages and on its way to the client, because its texts are bounded.
const (
	describing    = 4
	maxDescribing = 8 << 20
)

// DescribeTorrent implements CacheService. It stops working when the caller has left.
func (s *Server) DescribeTorrent(ctx context.Context, req *torrentcachev1.DescribeTorrentRequest) (*torrentcachev1.DescribeTorrentResponse, error) {
	stored, err := s.fetch(ctx, req.GetInfoHash())
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := limit.ReservationOf(ctx).Take(ctx, min(maxDescribing, describing*int64(len(stored.Bytes)))); err != nil {
		return nil, err
	}
	torrent, err := metainfo.Parse(stored.Bytes)
	if err != nil {
		return nil, reason.Unexpected(fmt.Errorf("the stored torrent %s does not parse: %w", stored.IDs.Primary(), err))
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answer := Describe(torrent)
	answer.UpdateTime = timestamppb.New(stored.Stored)
	if answer.LastReadTime, err = s.lastRead(ctx, stored.IDs.Primary()); err != nil {
		return nil, err
	}
	answer.Etag = hex.EncodeToString(stored.Version[:])
	answer.MagnetLink = withSource(answer.MagnetLink, s.DownloadURL(stored.IDs))
	if err := addFiles(answer, torrent, req); err != nil {
		return nil, err
	}
	return answer, nil
}

// lastRead returns the day on which the torrent of id was last read, nil if that is not known or
// the caller may not know it. The day tells of other callers, so only those with the role sync see
// it.
func (s *Server) lastRead(ctx context.Context, id infohash.ID) (*timestamppb.Timestamp, error) {
	if s.Usage == nil || !access.FromContext(ctx).Roles.Has(access.Sync) {
		return nil, nil
	}
	at, err := s.Usage.LastAccess(ctx, id)
	if errors.Is(err, store.ErrNotFound) { // it has just gone
		return nil, nil
	}
	if err != nil {
		return nil, api.StoreError(err, id)
	}
	return api.Timestamp(at), nil
}

// maxMagnet is the length of the longest magnet link, in bytes (see [metainfo.Description]).
const maxMagnet = 4096

// withSource returns link with the address of the .torrent file (xs, the exact source), unless
// that is "". If the link gets too long, it loses its last parameters.
func withSource(link, address string) string {
	if address == "" {
		return link
	}
	source := "&xs=" + url.QueryEscape(address)
	for len(link)+len(source) > maxMagnet {
		link = link[:strings.LastIndexByte(link, '&')]
	}
	return link + source
}

// Describe returns the answer of DescribeTorrent about a torrent, without the files and the fields
// that only a stored torrent has. See [metainfo.Torrent.Describe] for its bounds.
func Describe(torrent *metainfo.Torrent) *torrentcachev1.DescribeTorrentResponse {
	d, ids := torrent.Describe(), torrent.IDs()
	return &torrentcachev1.DescribeTorrentResponse{
		InfoHash:           ids.Primary().String(),
		InfoHashV1:         ids.V1.String(),
		InfoHashV2:         ids.V2.String(),
		TorrentSizeBytes:   int64(len(torrent.Bytes())),
		Name:               text(d.Name),
		ContentSizeBytes:   torrent.TotalSize(),
		PieceLengthBytes:   d.PieceLength,
		PieceCount:         d.PieceCount,
		Private:            d.Private,
		TrackerTiers:       tiers(d.Trackers),
		WebSeeds:           texts(d.WebSeeds),
		HttpSeeds:          texts(d.HTTPSeeds),
		Nodes:              nodes(d.Nodes),
		CreationTime:       api.Timestamp(d.CreationDate),
		CreatedBy:          text(d.CreatedBy),
		Comment:            text(d.Comment),
		Source:             text(d.Source),
		MagnetLink:         text(d.Magnet),
		MissingPieceLayers: torrent.MissingPieceLayers(),
		FileCount:          int64(d.FileCount),
		Truncated:          d.Cut,
	}
}

func tiers(trackers [][]string) []*torrentcachev1.TrackerTier {
	out := make([]*torrentcachev1.TrackerTier, len(trackers))
	for i, urls := range trackers {
		out[i] = &torrentcachev1.TrackerTier{Urls: texts(urls)}
	}
	return out
}

func nodes(in []metainfo.Node) []*torrentcachev1.DhtNode {
	out := make([]*torrentcachev1.DhtNode, len(in))
	for i, n := range in {
		out[i] = &torrentcachev1.DhtNode{Host: text(n.Host), Port: int32(n.Port)}
	}
	return out
}

// text returns s with U+FFFD in place of each byte that is not UTF-8, which
// protobuf requires of strings. Valid text is returned as it is.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

func texts(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = text(s)
	}
	return out
}
