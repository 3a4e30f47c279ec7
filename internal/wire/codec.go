package wire

import (
	"bytes"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto" // registers the standard codec
	"google.golang.org/grpc/mem"
)

// minShared is the size from which sharing a torrent's bytes costs less than
// copying them, in bytes.
const minShared = 1 << 10

// Codec implements [encoding.CodecV2]. Nobody may change a torrent in a message
// that was given to it, ever: the transport may read it after the call has
// returned. It is safe for concurrent use.
type Codec struct{ standard encoding.CodecV2 }

// NewCodec returns a Codec.
func NewCodec() Codec { return Codec{standard: encoding.GetCodecV2(proto.Name)} }

// Name implements [encoding.CodecV2].
func (c Codec) Name() string { return proto.Name }

// Marshal implements [encoding.CodecV2].
func (c Codec) Marshal(v any) (mem.BufferSlice, error) {
	torrent, rest := split(v)
	if len(torrent) < minShared {
		return c.standard.Marshal(v)
	}
	return encode(torrent, rest)
}

// Unmarshal implements [encoding.CodecV2].
func (c Codec) Unmarshal(data mem.BufferSlice, v any) error {
	field := fieldOf(v)
	if field.value == nil || len(data) == 1 { // one buffer the standard codec copies once, too
		return c.standard.Unmarshal(data, v)
	}
	return decode(join(data), v, field)
}

// join returns what is in data, in memory of its own. bytes.Join does not clear
// that memory first, as make would.
func join(data mem.BufferSlice) []byte {
	parts := make([][]byte, len(data))
	for i, b := range data {
		parts[i] = b.ReadOnlyData()
	}
	return bytes.Join(parts, nil)
}
