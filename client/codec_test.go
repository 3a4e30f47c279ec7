package client

import (
	"testing"

	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// The generated code reads every message that the codec writes.
func TestCodecWritesWhatProtobufReads(t *testing.T) {
	c := codec{encoding.GetCodecV2("proto")}
	for name, message := range map[string]proto.Message{
		"empty":         &torrentcachev1.CacheTorrentsRequest{},
		"item":          &torrentcachev1.CacheTorrentsRequest{ItemId: 1 << 60, Torrent: make([]byte, 100_000), ExpectedInfoHash: "C12FE1C0", Fetched: true},
		"no hash":       &torrentcachev1.CacheTorrentsRequest{ItemId: 1, Torrent: []byte("d4:infode")},
		"other message": &torrentcachev1.FindMissingTorrentsRequest{InfoHashes: []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			written, err := c.Marshal(message)
			if err != nil {
				t.Fatal(err)
			}
			read := message.ProtoReflect().New().Interface()
			if err := proto.Unmarshal(written.Materialize(), read); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(message, read) {
				t.Errorf("%v was read as %v", message, read)
			}
		})
	}
}
