package server

import (
	"context"
	"errors"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/inflate"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
)

// CacheTorrent implements CacheService.
func (s *cacheService) CacheTorrent(ctx context.Context, req *torrentcachev1.CacheTorrentRequest) (*torrentcachev1.CacheTorrentResponse, error) {
	torrent, hold, err := s.receive(ctx, req, false)
	if err != nil {
		return nil, err
	}
	defer hold.Release()
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

// uploaded is what the requests of both kinds of uploads have.
type uploaded interface {
	GetTorrent() []byte
	GetExpectedInfoHash() string
}

// receive reads an upload when there is memory for it. The hold is for what
// follows. Who is patient waits longer for memory.
func (s *Server) receive(ctx context.Context, req uploaded, patient bool) (*metainfo.Torrent, *limit.Hold, error) {
	if err := s.undecoded(req.GetTorrent()); err != nil {
		return nil, nil, err
	}
	hold, err := s.limits.Work(ctx, caller(ctx), s.need(ctx, req.GetTorrent()), patient)
	if err != nil {
		return nil, nil, err
	}
	var torrent *metainfo.Torrent
	defer func() {
		if torrent == nil {
			hold.Release()
		}
	}()
	torrent, err = s.read(ctx, req.GetTorrent(), req.GetExpectedInfoHash())
	if err != nil {
		return nil, nil, err
	}
	hold.Shrink(storing * int64(len(torrent.Bytes())))
	return torrent, hold, nil
}

// storing is how many times its size an upload that a door has read takes on its way to the
// disk: the store copies it. A message from the network was counted when it arrived (see
// limit.Buffers), and what the store copies of those is bounded by its groups.
const storing = 2

// need returns the memory that reading and storing an upload may take, in bytes.
func (s *Server) need(ctx context.Context, upload []byte) int64 {
	switch {
	case inflate.IsBase64(upload):
		return inflate.Memory(s.maxSize) + int64(len(upload))
	case inflate.IsCompressed(upload):
		return inflate.Memory(s.maxSize)
	case !fromDoor(ctx):
		return 0
	}
	return storing * int64(len(upload))
}

// read turns uploaded bytes into a torrent that has the expected id, if any is
// expected.
func (s *Server) read(ctx context.Context, upload []byte, expected string) (*metainfo.Torrent, error) {
	var want infohash.ID
	if expected != "" {
		id, err := parseHash("expected_info_hash", expected)
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
		done, err := s.limits.Inflate(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
	}
	plain, err := inflate.Inflate(upload, s.maxSize)
	switch {
	case errors.Is(err, inflate.ErrTooLarge):
		s.limits.TooLarge()
		return nil, reason.New(reason.TorrentTooLarge, "the torrent has more than %d bytes when decompressed, which is the most this server takes", s.maxSize).On(torrentField)
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

// parseHash reads an info hash from that field of a request.
func parseHash(field, text string) (infohash.ID, error) {
	id, err := infohash.Parse(text)
	if err != nil {
		return infohash.ID{}, reason.New(reason.HashMalformed, "%s; got %s", err, quote(text)).On(field)
	}
	return id, nil
}
