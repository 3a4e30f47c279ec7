// Package wire sends and receives torrents over gRPC with few copies.
//
// [Codec] is grpc's own protobuf codec, except for messages with a torrent:
//
//   - those sent refer to the torrent's bytes instead of copying them, and
//   - those received are copied once, from the transport's buffers into one of
//     their own, and not a second time out of that into the field.
//
// It also counts the memory of messages. A sent message counts until the transport has released
// it ([Held]), a received one from before it is copied until it is garbage ([Reserve]).
//
// The bytes on the wire and the accepted messages are the same as with grpc's codec.
// (protobuf-go v1.36.12 has protoiface.UnmarshalAliasBuffer for the second purpose, but its
// bytes fields ignore it; hence message.go.)
package wire

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto" // registers the standard codec
	"google.golang.org/grpc/mem"
	protobuf "google.golang.org/protobuf/proto"
)

// minShared is the size in bytes from which sharing a torrent's bytes is cheaper than copying
// them.
const minShared = 1 << 10

// Codec implements [encoding.CodecV2]. Nobody may change a torrent in a message
// that was given to it, ever: the transport may read it after the call has
// returned. It is safe for concurrent use.
type Codec struct {
	standard encoding.CodecV2
	reserve  Reserve // nil: memory is not counted
	others   int     // maximum size of a message without a torrent; 0: no maximum
}

// NewCodec returns a Codec. It calls reserve, unless nil, for the memory of each received
// torrent. Other received messages may have at most others bytes; 0 means no maximum.
func NewCodec(reserve Reserve, others int) Codec {
	return Codec{standard: encoding.GetCodecV2(proto.Name), reserve: reserve, others: others}
}

// Name implements [encoding.CodecV2].
func (c Codec) Name() string { return proto.Name }

// Marshal implements [encoding.CodecV2].
func (c Codec) Marshal(v any) (mem.BufferSlice, error) {
	if h, ok := v.(Held); ok {
		return c.marshalHeld(h)
	}
	torrent, rest := split(v)
	if len(torrent) < minShared {
		return c.standard.Marshal(v)
	}
	return encode(torrent, rest, nil)
}

// marshalHeld is Marshal for a message with held memory.
func (c Codec) marshalHeld(h Held) (data mem.BufferSlice, err error) {
	defer func() {
		if err != nil {
			h.Free()
		}
	}()
	torrent, rest := split(h.Message)
	if len(torrent) >= minShared {
		return encode(torrent, rest, h.Free)
	}
	message, ok := h.Message.(protobuf.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a protobuf message", h.Message)
	}
	b, err := protobuf.Marshal(message)
	if err != nil {
		return nil, err
	}
	return mem.BufferSlice{held(b, h.Free)}, nil
}

// Unmarshal implements [encoding.CodecV2].
func (c Codec) Unmarshal(data mem.BufferSlice, v any) error {
	field := fieldOf(v)
	if f := failed(data); f != Sound {
		if field.value == nil {
			return errors.New("it cannot be inflated")
		}
		*field.value = f.Mark()
		return nil
	}
	if field.value == nil && c.others > 0 && data.Len() > c.others {
		return fmt.Errorf("%d bytes, at most %d make such a message", data.Len(), c.others)
	}
	if field.value == nil || data.Len() < minShared || len(data) == 1 && c.reserve == nil {
		return c.standard.Unmarshal(data, v) // it copies a single buffer once, too
	}
	if c.reserve == nil {
		return decode(join(data), v, field)
	}
	free, ok := c.reserve(data.Len(), field.patient)
	if !ok {
		*field.value = NoMemory.Mark()
		return nil
	}
	b := join(data)
	whenGarbage(b, free)
	return decode(b, v, field)
}

// failed returns the failure marked by data.
func failed(data mem.BufferSlice) Failure {
	if len(data) != 1 {
		return Sound
	}
	return FailureOf(data[0].ReadOnlyData())
}

// join returns the content of data in new memory. bytes.Join does not clear that memory first,
// as make would.
func join(data mem.BufferSlice) []byte {
	parts := make([][]byte, len(data))
	for i, b := range data {
		parts[i] = b.ReadOnlyData()
	}
	return bytes.Join(parts, nil)
}
