// Package wire is how torrents go over gRPC without being copied more than needed.
//
// [Codec] is grpc's own protobuf codec, save that of the messages that carry a
// torrent
//
//   - those sent refer to the torrent's bytes instead of copying them, and
//   - those received are copied once, from the transport's buffers into one of
//     their own, and not a second time out of that into the field.
//
// It also has the memory of messages counted: of those sent until the transport has let go
// of them ([Held]), of those received from before they are copied until nobody has them
// ([Reserve]).
//
// What is on the wire is the same, byte for byte, and so are the messages that
// it accepts. (protobuf-go v1.36.12 has protoiface.UnmarshalAliasBuffer for the
// second, but its bytes fields ignore it; hence decode.go.)
package wire
