package wire

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// torrentNumber is the number of the field torrent in the messages that split knows.
const torrentNumber protowire.Number = 1

// split returns the torrent that v carries as its first field, and a message
// with all the other fields of v; no torrent if v has none to share.
func split(v any) (torrent []byte, rest proto.Message) {
	switch m := v.(type) {
	case *torrentcachev1.GetTorrentResponse:
		return m.GetTorrent(), withUnknown(WithTorrent(m, nil), m)
	case *torrentcachev1.CacheTorrentRequest:
		others := &torrentcachev1.CacheTorrentRequest{ExpectedInfoHash: m.GetExpectedInfoHash(), Fetched: m.GetFetched()}
		return m.GetTorrent(), withUnknown(others, m)
	case *torrentcachev1.ReadTorrentsResponse:
		return m.GetTorrent(), withUnknown(&torrentcachev1.ReadTorrentsResponse{
			InfoHash: m.GetInfoHash(), InfoHashV1: m.GetInfoHashV1(), InfoHashV2: m.GetInfoHashV2(),
			UpdateTime: m.GetUpdateTime(), Rank: m.GetRank(), Removal: m.GetRemoval(), Error: m.GetError(),
		}, m)
	}
	return nil, nil
}

// WithTorrent returns a message that has torrent, which it shares, and otherwise the
// fields of m, but for those that this build does not know. It names the fields: by
// reflection that took 4 us.
func WithTorrent(m *torrentcachev1.GetTorrentResponse, torrent []byte) *torrentcachev1.GetTorrentResponse {
	return &torrentcachev1.GetTorrentResponse{
		Torrent:    torrent,
		InfoHash:   m.GetInfoHash(),
		InfoHashV1: m.GetInfoHashV1(),
		InfoHashV2: m.GetInfoHashV2(),
		UpdateTime: m.GetUpdateTime(),
		Etag:       m.GetEtag(),
		Stale:      m.GetStale(),
	}
}

// withUnknown gives to what from has of fields that this build does not know.
func withUnknown(to, from proto.Message) proto.Message {
	if unknown := from.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		to.ProtoReflect().SetUnknown(unknown)
	}
	return to
}

// encode returns the wire form of a message: the torrent, which is referred to,
// then the fields of rest. Free is called when the transport has let go of the torrent; nil:
// nobody wants to know.
func encode(torrent []byte, rest proto.Message, free func()) (mem.BufferSlice, error) {
	const head = 1 + 10 // tag and length at their longest, in bytes
	b := make([]byte, 0, head+proto.Size(rest))
	b = protowire.AppendTag(b, torrentNumber, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(torrent)))
	end := len(b)
	b, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, rest)
	if err != nil {
		return nil, err
	}
	var body mem.Buffer = mem.SliceBuffer(torrent)
	if free != nil {
		body = held(torrent, free)
	}
	return mem.BufferSlice{mem.SliceBuffer(b[:end]), body, mem.SliceBuffer(b[end:])}, nil
}
