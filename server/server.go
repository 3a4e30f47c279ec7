package server

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/upstream"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/server/internal/removals"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store"
)

// messageOverhead is how many bytes a message may have besides its torrent: field tags and the
// other fields.
const messageOverhead = 64 << 10

// Options configure a [Server]. Store and MaxTorrentSize are required.
type Options struct {
	// Store keeps the torrents. The server does not close it.
	Store store.Store
	// MaxTorrentSize is the size of the largest torrent that the server takes, in bytes, both as
	// sent and as inflated.
	MaxTorrentSize int64
	// RefusePrivate refuses torrents with private=1 (BEP 27), whose tracker URLs
	// carry their owner's passkey.
	RefusePrivate bool
	// RefusePasskeys refuses torrents with an announce URL that looks as if it held a
	// passkey, whether they are private or not; see [metainfo.IsPasskeyURL].
	RefusePasskeys bool
	// Deny lists the torrents that the server neither takes nor gives. Nil:
	// none.
	Deny *deny.Lists
	// Access is the gate of the calls to the server, for DescribeServer. Nil: everybody
	// may do everything.
	Access *access.Gate
	// Logger gets the errors of items of CacheTorrents that the operator must know of. The calls
	// succeed, so no interceptor sees these errors. Nil means slog.Default().
	Logger *slog.Logger
	// OnItemError is called with the reason of each item that fails in a call for many, and with
	// the full name of the method. The call itself succeeds. It must not block. Nil: nothing is
	// called.
	OnItemError func(method string, why reason.Reason)
	// OnChange is called with the ids of each torrent that changed through this server, before the
	// call that changed it is answered. The zero Set says that any torrent may have changed. It
	// must not block. Nil: nothing is called.
	OnChange func(infohash.Set)
	// Limits are those of uploads. Nil means that there are none but MaxTorrentSize.
	Limits *limit.Limits
	// Repair fetches and stores a torrent that a reader asks for and that is damaged or cannot be
	// read. It reports whether the torrent is whole again. It takes no longer than a reader should
	// wait. Nil: nothing is repaired.
	Repair func(context.Context, infohash.ID) bool
	// Audit logs each removal, restoration, backup and drain before it is done. Changes that are
	// made together are logged together. If it fails, nothing is done. Nil: there is no log.
	Audit audit.Write
	// Contact is the address or URL for questions of people whose torrent was
	// removed. Empty: nobody is named.
	Contact string
	// DownloadURL returns the address at which everybody can download a torrent, for its magnet
	// link; "" if there is none. Nil: no torrent has one.
	DownloadURL func(infohash.Set) string
	// Cache is the cache in front of GetTorrent; it may keep the torrents that it was given. Nil:
	// none.
	Cache Cache
	// Upstreams are asked for torrents that the store lacks. Nil: there are none. The server
	// does not close them.
	Upstreams *upstream.Upstreams
	// Wanted gets the torrents that readers miss. Nil: nothing is looked for.
	Wanted *wanted.Book
	// OnRead is called for each torrent that GetTorrent gave to a reader; for one that the Cache
	// keeps, when it was loaded. It must not block. Nil: nothing is called.
	OnRead func(infohash.Set)
	// Usage tells which torrents the store dropped and when they were read. Nil: the store does
	// not know.
	Usage Usage
}

// Usage is a store's knowledge of the reads of its torrents, and of the torrents that it dropped
// because nobody read them. Its errors are those of a [store.Store]. It is safe for concurrent
// use.
type Usage interface {
	// Dropped returns for each of ids, in order, when it was dropped; the zero time for those
	// that are there, and those that were not dropped or so long ago that they may come again.
	Dropped(ctx context.Context, ids []infohash.ID) ([]time.Time, error)
	// LastAccess returns the day on which the torrent of id was last read, as its first second,
	// UTC; the zero time if that is not known.
	LastAccess(ctx context.Context, id infohash.ID) (time.Time, error)
}

// Server implements CacheService and SyncService. It is safe for concurrent use.
type Server struct {
	torrentcachev1.UnsafeCacheServiceServer
	torrentcachev1.UnsafeSyncServiceServer
	// Options are those of New, with defaults for the nil fields. Store is the given store, and
	// tells watchers of each change that is made through it.
	Options
	// Removals are those of Store.
	Removals *removals.Removals
	// Items are told of the items that fail in calls for many.
	Items rpc.Items

	notifier     *notifier
	proxyWarning sync.Once // about an edge that is not trusted
}

// New returns a Server.
func New(o Options) *Server {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	o.Access = cmp.Or(o.Access, access.NewGate(access.Open(access.Read|access.Write|access.Sync)))
	if o.Limits == nil {
		o.Limits = limit.New(limit.Settings{})
	}
	if o.OnItemError == nil {
		o.OnItemError = func(string, reason.Reason) {}
	}
	if o.OnChange == nil {
		o.OnChange = func(infohash.Set) {}
	}
	if o.DownloadURL == nil {
		o.DownloadURL = func(infohash.Set) string { return "" }
	}
	if o.OnRead == nil {
		o.OnRead = func(infohash.Set) {}
	}
	s := &Server{Options: o, Items: rpc.Items{Logger: o.Logger, OnError: o.OnItemError}, notifier: &notifier{}}
	s.Store = &watchedStore{Store: o.Store, notifier: s.notifier, changed: s.changed}
	s.Removals = removals.New(s.Store, o.Audit)
	return s
}

// changed is told the ids of each torrent that changed; see [Options].
func (s *Server) changed(ids infohash.Set) {
	s.Upstreams.Forget(ids)
	s.Wanted.Forget(ids.All()...)
	s.OnChange(ids)
}

// RegisterPublic registers the services for everybody.
func (s *Server) RegisterPublic(r grpc.ServiceRegistrar) {
	torrentcachev1.RegisterCacheServiceServer(r, s)
	torrentcachev1.RegisterSyncServiceServer(r, s)
}

// MaxMessageSize returns the size in bytes of the largest message the server
// takes: the largest torrent and 64 KiB.
func (s *Server) MaxMessageSize() int { return MaxMessageSize(s.MaxTorrentSize) }

// MaxMessageSize returns the size in bytes of the largest message that a server of that maximum
// torrent size sends or takes; clients need it as their limit on received messages.
func MaxMessageSize(maxTorrentSize int64) int { return int(maxTorrentSize) + messageOverhead }

// DescribeServer implements CacheService.
func (s *Server) DescribeServer(ctx context.Context, _ *torrentcachev1.DescribeServerRequest) (*torrentcachev1.DescribeServerResponse, error) {
	policy, _ := s.Access.Policy()
	who := access.FromContext(ctx)
	if who.Name == access.Anonymous {
		who.Roles &^= access.Admin // without keys, the listener identifies the operator
	}
	return &torrentcachev1.DescribeServerResponse{
		MaxTorrentSizeBytes: s.MaxTorrentSize,
		RefusesPrivate:      s.RefusePrivate,
		RefusesPasskeys:     s.RefusePasskeys,
		UploadNeedsKey:      !policy.Anonymous().Has(access.Write),
		CallerName:          who.Name,
		CallerRoles:         rolesOf(who),
		KnowsAddresses:      policy.KnowsAddresses(),
	}, nil
}

// rolesOf returns the names of a caller's roles, none if it has none.
func rolesOf(who access.Principal) []string {
	if who.Roles == 0 {
		return nil
	}
	return strings.Split(who.Roles.String(), ",")
}
