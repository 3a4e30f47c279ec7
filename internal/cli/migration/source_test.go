package migration

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// ranked is an admin listener all of whose torrents are of one rank.
type ranked struct {
	torrentcachev1.AdminServiceClient
	rank int32
}

func (r ranked) ReadRecord(context.Context, *torrentcachev1.ReadRecordRequest, ...grpc.CallOption) (*torrentcachev1.ReadRecordResponse, error) {
	return &torrentcachev1.ReadRecordResponse{Torrent: []byte("de"), Rank: r.rank}, nil
}

// Ranks go over by number, also those that this program has no name for.
func TestServerSourceRanks(t *testing.T) {
	for _, rank := range []int32{1, 64, 100, 255} {
		got, err := (&serverSource{admin: ranked{rank: rank}}).Get(t.Context(), infohash.V1([20]byte{1}), nil)
		if err != nil || got.Rank != store.Rank(rank) {
			t.Errorf("rank %d: %d, %v", rank, got.Rank, err)
		}
	}
	for _, rank := range []int32{-1, 0, 256, 320} {
		_, err := (&serverSource{admin: ranked{rank: rank}}).Get(t.Context(), infohash.V1([20]byte{1}), nil)
		if err == nil || !strings.Contains(err.Error(), "another version") {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
}
