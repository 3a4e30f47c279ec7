package wire_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// No field is forgotten, nor will be one that the message gets some day.
func TestWithTorrentKeepsTheRest(t *testing.T) {
	full := &torrentcachev1.GetTorrentResponse{
		Torrent: []byte("a"), InfoHash: "b", InfoHashV1: "c", InfoHashV2: "d",
		UpdateTime: timestamppb.Now(), Etag: "e", Stale: true,
	}
	fields := full.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if !full.ProtoReflect().Has(fields.Get(i)) {
			t.Errorf("the test leaves %s out", fields.Get(i).Name())
		}
	}
	want := proto.CloneOf(full)
	want.Torrent = []byte("other")
	if got := wire.WithTorrent(full, []byte("other")); !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
