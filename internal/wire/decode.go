package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// field is where a message keeps its torrent.
type field struct {
	value   *[]byte // nil if the message carries none
	number  protowire.Number
	patient bool // its sender can wait
}

// fieldOf returns the field of v that holds a torrent.
func fieldOf(v any) field {
	switch m := v.(type) {
	case *torrentcachev1.CacheTorrentRequest:
		return field{&m.Torrent, 1, false}
	case *torrentcachev1.CacheTorrentsRequest:
		return field{&m.Torrent, 2, true}
	case *torrentcachev1.GetTorrentResponse:
		return field{&m.Torrent, 1, false}
	}
	return field{}
}

// decode makes v the message in b, which from then on belongs to v.
func decode(b []byte, v any, f field) error {
	message, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is not a protobuf message", v)
	}
	torrent, rest, ok := cut(b, f.number)
	if !ok {
		return proto.Unmarshal(b, message) // and say what is wrong with it
	}
	if err := proto.Unmarshal(rest, message); err != nil {
		return err
	}
	*f.value = torrent
	return nil
}

// cut takes the bytes field of this number out of the message in b. Of several
// the last one counts (protobuf encoding, "Last One Wins"); nil is an empty one
// or none. It reports whether b is made of whole fields.
func cut(b []byte, number protowire.Number) (value, rest []byte, ok bool) {
	for len(b) > 0 {
		num, kind, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return nil, nil, false
		}
		n := protowire.ConsumeFieldValue(num, kind, b[tag:])
		if n < 0 {
			return nil, nil, false
		}
		if num == number && kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(b[tag : tag+n])
			value = value[:len(value):len(value)]
		} else {
			rest = append(rest, b[:tag+n]...)
		}
		b = b[tag+n:]
	}
	if len(value) == 0 {
		value = nil
	}
	return value, rest, true
}
