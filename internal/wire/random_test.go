package wire_test

import (
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// everyMessage returns one empty message of each type in the API.
func everyMessage(t *testing.T) []proto.Message {
	t.Helper()
	var all []proto.Message
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		if mt.Descriptor().ParentFile().Package() == torrentcachev1.File_torrentcache_v1_cache_service_proto.Package() {
			all = append(all, mt.New().Interface())
		}
		return true
	})
	if len(all) < 20 {
		t.Fatalf("only %d messages", len(all))
	}
	return all
}

// fill gives every field of m a value, or leaves it out as often; the bytes
// that a message carries are long enough to be shared.
func fill(r *rand.Rand, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		switch {
		case r.IntN(5) == 0:
		case fd.IsMap():
			panic("the API has no maps; teach fill about them")
		case fd.IsList():
			list := m.Mutable(fd).List()
			for range r.IntN(4) {
				list.Append(value(r, fd, list.NewElement))
			}
		default:
			m.Set(fd, value(r, fd, func() protoreflect.Value { return m.NewField(fd) }))
		}
	}
	if r.IntN(3) == 0 {
		unknown := protowire.AppendTag(nil, 1000, protowire.BytesType)
		m.SetUnknown(protowire.AppendBytes(unknown, bytesOf(r, 100)))
	}
}

func value(r *rand.Rand, fd protoreflect.FieldDescriptor, empty func() protoreflect.Value) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(bytesOf(r, 70_000))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string([]rune("aé\u202e\x00")[:r.IntN(5)]))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(r.IntN(9)))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(r.Uint32()))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(r.Uint64()))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(r.Uint64())
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(r.Float64())
	case protoreflect.MessageKind:
		m := empty()
		fill(r, m.Message())
		return m
	default:
		panic("teach value about " + fd.Kind().String())
	}
}

// bytesOf returns 0 to most random bytes, as often short as long.
func bytesOf(r *rand.Rand, most int) []byte {
	b := make([]byte, r.IntN(1+r.IntN(most+1)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
