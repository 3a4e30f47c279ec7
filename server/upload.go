package server

import (
	"context"
	"errors"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/inflate"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wire"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/server/rpc"
)

// CacheTorrent implements CacheService.
func (s *Server) CacheTorrent(ctx context.Context, req *torrentcachev1.CacheTorrentRequest) (*torrentcachev1.CacheTorrentResponse, error) {
	torrent, reserved, err := s.receive(ctx, req, false)
	if err != nil {
		return nil, err
	}
	defer reserved.Release()
	outcome, err := s.keep(ctx, torrent, rank(ctx, req.GetFetched()))
	if err != nil {
		return nil, err
	}
	return cachedResponse(torrent.IDs(), outcome), nil
}

func cachedResponse(ids infohash.Set, outcome torrentcachev1.Outcome) *torrentcachev1.CacheTorrentResponse {
	return &torrentcachev1.CacheTorrentResponse{
		InfoHash:   ids.Primary().String(),
		InfoHashV1: ids.V1.String(),
		InfoHashV2: ids.V2.String(),
		Outcome:    outcome,
	}
}

// uploaded is the interface of the requests of both kinds of uploads.
type uploaded interface {
	GetTorrent() []byte
	GetExpectedInfoHash() string
}

// receive reads an upload when there is memory for it. The reservation it returns counts the memory
// for storing it. If patient is true, it waits longer for memory.
func (s *Server) receive(ctx context.Context, req uploaded, patient bool) (*metainfo.Torrent, *limit.Reservation, error) {
	if err := s.undecoded(req.GetTorrent()); err != nil {
		return nil, nil, err
	}
	reserved, err := s.Limits.Work(ctx, rpc.Caller(ctx), s.need(ctx, req.GetTorrent()), patient)
	if err != nil {
		return nil, nil, err
	}
	var torrent *metainfo.Torrent
	defer func() {
		if torrent == nil {
			reserved.Release()
		}
	}()
	torrent, err = s.read(ctx, req.GetTorrent(), req.GetExpectedInfoHash())
	if err != nil {
		return nil, nil, err
	}
	reserved.Shrink(storing * int64(len(torrent.Bytes())))
	return torrent, reserved, nil
}

// undecoded returns why a message that arrived has no torrent; nil if decoding did not fail.
func (s *Server) undecoded(torrent []byte) error {
	switch wire.FailureOf(torrent) {
	case wire.NoMemory:
		return s.Limits.NoMemory(limit.Uploading)
	case wire.TooLarge:
		s.Limits.TooLarge()
		return reason.New(reason.TorrentTooLarge, "the call is larger, when decompressed, than the %d bytes this server takes", s.MaxMessageSize())
	case wire.Damaged:
		return reason.New(reason.RequestInvalid, "the call says that it is compressed with gzip; it is not, or it is damaged")
	}
	return nil
}

// storing is how many times its size an upload from a door takes on its way to the disk: the store
// copies it. A message from the network was counted when it arrived (see limit.Buffers), and the
// store's groups bound the copies of those.
const storing = 2

// need returns the memory that reading and storing an upload may take, in bytes.
func (s *Server) need(ctx context.Context, upload []byte) int64 {
	switch {
	case inflate.IsBase64(upload):
		return inflate.Memory(s.MaxTorrentSize) + int64(len(upload))
	case inflate.IsCompressed(upload):
		return inflate.Memory(s.MaxTorrentSize)
	case !rpc.FromDoor(ctx):
		return 0
	}
	return storing * int64(len(upload))
}

// read turns uploaded bytes into a torrent that has the expected id, if any is
// expected.
func (s *Server) read(ctx context.Context, upload []byte, expected string) (*metainfo.Torrent, error) {
	var want infohash.ID
	if expected != "" {
		id, err := api.ParseHash("expected_info_hash", expected)
		if err != nil {
			return nil, err
		}
		want = id
	}
	plain, err := s.inflate(ctx, inflate.FromBase64(upload))
	if err != nil {
		return nil, err
	}
	torrent, err := metainfo.Parse(plain)
	if err != nil {
		return nil, invalid(err)
	}
	if ids := torrent.IDs(); !want.IsZero() && !ids.Contains(want) {
		return nil, reason.New(reason.TorrentInvalid, "expected_info_hash is %s, but the torrent's info hash is %s", want, ids.Primary()).On("expected_info_hash")
	}
	return torrent, nil
}

// inflate undoes one layer of gzip or bzip2, if there is one, and holds the
// bytes to the size limit before and after. A request without the field and one
// with zero bytes in it look the same here: proto3 does not tell them apart.
func (s *Server) inflate(ctx context.Context, upload []byte) ([]byte, error) {
	if !s.takes(len(upload)) {
		return nil, s.tooLarge(len(upload))
	}
	if inflate.IsCompressed(upload) {
		done, err := s.Limits.Inflate(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
	}
	plain, err := inflate.Inflate(upload, s.MaxTorrentSize)
	switch {
	case errors.Is(err, inflate.ErrTooLarge):
		s.Limits.TooLarge()
		return nil, reason.New(reason.TorrentTooLarge, "the torrent has more than %d bytes when decompressed, which is the most this server takes", s.MaxTorrentSize).On(torrentField)
	case err != nil:
		return nil, invalid(err)
	case len(plain) == 0:
		return nil, reason.New(reason.TorrentEmpty, "the torrent has no bytes: send the .torrent file's content").On(torrentField)
	}
	return plain, nil
}

// torrentField is the name of the field with the torrent, in each request that has one.
const torrentField = "torrent"

// invalid is the error of bytes that are no torrent.
func invalid(err error) error {
	e := reason.New(reason.TorrentInvalid, "%s", err).On(torrentField)
	if broken, ok := errors.AsType[*metainfo.Error](err); ok {
		e = e.At(broken.Offset)
	}
	return e
}
