package migration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/migrate"
	"github.com/torrentcache/torrentcache/internal/nodes"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
	"github.com/torrentcache/torrentcache/store/s3store"
)

// source is the store that migrate reads.
type source interface {
	migrate.Source
	Stats(ctx context.Context) (store.Stats, error)
	io.Closer
}

// openStoreAt opens the store that a flag names: disk:DIR or s3://.... If toRead is true, a folder
// must exist already.
func openStoreAt(ctx context.Context, flag, name string, toRead bool, log io.Writer) (store.Store, error) {
	if dir, ok := strings.CutPrefix(name, "disk:"); ok {
		if toRead {
			return stores.OpenFolder(dir, stores.FolderLogger(log))
		}
		return stores.Open(diskstore.Options{Dir: dir, Logger: stores.FolderLogger(log)})
	}
	location, err := stores.BucketLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, config.Redact(name), err)
	}
	st, err := s3store.Open(ctx, s3store.Options{Location: location, Logger: stores.FolderLogger(log)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return st, nil
}

// serverSource is the store of a running server. It reads the store through the admin listener.
type serverSource struct {
	conn  *nodes.Conn
	admin torrentcachev1.AdminServiceClient
	sync  torrentcachev1.SyncServiceClient
}

func dialSource(address, key string) (*serverSource, error) {
	conn, err := cli.DialAdmin(address, maxRecord)
	if err != nil {
		return nil, err
	}
	calls := nodes.WithKey(conn, key)
	return &serverSource{conn: conn, admin: torrentcachev1.NewAdminServiceClient(calls), sync: torrentcachev1.NewSyncServiceClient(calls)}, nil
}

// maxRecord is the largest torrent that a server can be set to take, in bytes.
const maxRecord = 256 << 20

func (s *serverSource) Close() error { return s.conn.Close() }

// Stats returns the numbers of torrents, removals and bytes in the server's store.
func (s *serverSource) Stats(ctx context.Context) (store.Stats, error) {
	got, err := s.admin.GetStats(ctx, &torrentcachev1.GetStatsRequest{})
	if err != nil {
		return store.Stats{}, sourceError(err)
	}
	return store.Stats{Torrents: got.GetTorrentCount(), Removed: got.GetRemovedCount(), Bytes: got.GetTorrentBytes()}, nil
}

// Changes is as in [store.Store], except that the server chooses how many changes it returns. An
// answer without changes means the end of the feed.
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

// Get is as in [store.Store]. It needs no Alloc, because the bytes lie in the message.
func (s *serverSource) Get(ctx context.Context, id infohash.ID, _ store.Alloc) (store.Torrent, error) {
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

// sourceError converts the error of a call to the error that a store returns.
func sourceError(err error) error {
	e := reason.Of(err)
	switch {
	case e.Reason == reason.TorrentNotFound && e.Unwrap() == nil:
		return store.ErrNotFound
	case e.Reason == reason.TorrentDamaged:
		return fmt.Errorf("%w: %w", store.ErrDamaged, e)
	case status.Code(err) == codes.Unavailable:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, errors.New(reason.ConnectionCause(status.Convert(err).Message())))
	case status.Code(err) == codes.Unimplemented:
		return errors.New("the server does not know the call: --from names another listener than the admin listener, or the server is older")
	case len(status.Convert(err).Details()) > 0:
		return e // the message is the server's own
	}
	return err
}
