package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/daemon"
	"github.com/torrentcache/torrentcache/internal/nodes"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// serverSource is the store of a running server, by its admin listener.
type serverSource struct {
	conn  *nodes.Conn
	admin torrentcachev1.AdminServiceClient
	sync  torrentcachev1.SyncServiceClient
}

func dialSource(address, key string) (*serverSource, error) {
	o := daemon.NodeOptions(maxRecord)
	o.Ailing = true
	conn, err := nodes.Dial([]string{address}, o)
	if err != nil {
		return nil, err
	}
	calls := nodes.WithKey(conn, key)
	return &serverSource{conn: conn, admin: torrentcachev1.NewAdminServiceClient(calls), sync: torrentcachev1.NewSyncServiceClient(calls)}, nil
}

// maxRecord is the largest torrent that any server takes, in bytes.
const maxRecord = 256 << 20

func (s *serverSource) Close() error { return s.conn.Close() }

// Stats returns what the server's store holds.
func (s *serverSource) Stats(ctx context.Context) (store.Stats, error) {
	got, err := s.admin.GetStats(ctx, &torrentcachev1.GetStatsRequest{})
	if err != nil {
		return store.Stats{}, sourceError(err)
	}
	return store.Stats{Torrents: got.GetTorrentCount(), Removed: got.GetRemovedCount(), Bytes: got.GetTorrentBytes()}, nil
}

// Changes is as in [store.Store], but the server chooses how many. It hears of the
// feed's end by an answer without changes.
func (s *serverSource) Changes(ctx context.Context, after store.Cursor, _ int) ([]store.Change, store.Cursor, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request := &torrentcachev1.WatchChangesRequest{}
	if after != (store.Cursor{}) {
		request.AfterCursor = after.String()
	}
	feed, err := s.sync.WatchChanges(ctx, request)
	if err != nil {
		return nil, after, sourceError(err)
	}
	news, err := feed.Recv()
	if err != nil {
		return nil, after, sourceError(err)
	}
	if len(news.GetChanges()) == 0 {
		return nil, after, nil
	}
	next, ok := store.ParseCursor(news.GetCursor())
	if !ok {
		return nil, after, fmt.Errorf("the server named %q as the place in its feed: is it of another version?", news.GetCursor())
	}
	changes := make([]store.Change, len(news.GetChanges()))
	for i, c := range news.GetChanges() {
		changes[i] = store.Change{IDs: infohash.SetOf(c.GetInfoHashV1(), c.GetInfoHashV2()), Time: c.GetChangeTime().AsTime()}
	}
	return changes, next, nil
}

// Get is as in [store.Store]. It needs no room: the bytes lie in the message.
func (s *serverSource) Get(ctx context.Context, id infohash.ID, _ store.Room) (store.Torrent, error) {
	got, err := s.admin.ReadRecord(ctx, &torrentcachev1.ReadRecordRequest{InfoHash: id.String()})
	if err != nil {
		return store.Torrent{}, sourceError(err)
	}
	if r := got.GetRemoval(); r != nil {
		return store.Torrent{}, &store.RemovedError{Removal: store.Removal{
			Reason: r.GetReason(), Reference: r.GetReference(), Time: r.GetRemovalTime().AsTime(),
		}}
	}
	rank := got.GetRank()
	if rank < 1 || rank > math.MaxUint8 {
		return store.Torrent{}, fmt.Errorf("the server named %d as the rank of %s: is it of another version?", rank, id)
	}
	return store.Torrent{
		IDs:     infohash.SetOf(got.GetInfoHashV1(), got.GetInfoHashV2()),
		Bytes:   got.GetTorrent(),
		Version: store.VersionOf(got.GetTorrent()),
		Rank:    store.Rank(rank),
		Stored:  got.GetUpdateTime().AsTime(),
	}, nil
}

// sourceError is a call's error as a store's.
func sourceError(err error) error {
	e := reason.Of(err)
	switch {
	case e.Reason == reason.TorrentNotFound && e.Unwrap() == nil:
		return store.ErrNotFound
	case e.Reason == reason.TorrentDamaged:
		return fmt.Errorf("%w: %w", store.ErrDamaged, e)
	case status.Code(err) == codes.Unavailable:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, errors.New(dialCause(status.Convert(err).Message())))
	case status.Code(err) == codes.Unimplemented:
		return errors.New("the server there has no such call: this is not its admin listener, or it is of an older version")
	case len(status.Convert(err).Details()) > 0:
		return e // a server's own words
	}
	return err
}
