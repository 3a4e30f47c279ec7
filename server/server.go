package server

import (
	"log/slog"
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
	"github.com/torrentcache/torrentcache/store"
)

// messageOverhead is how many bytes a message may be larger than the torrent
// in it: field tags and the other fields.
const messageOverhead = 64 << 10

// Options say what a [Server] works with. Store and MaxTorrentSize are required.
type Options struct {
	// Store keeps the torrents. The server does not close it.
	Store store.Store
	// MaxTorrentSize is the size of the largest torrent taken, in bytes, as sent
	// and again as inflated.
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
	// Access is the gate of the chains before the server, for DescribeServer. Nil: everybody
	// may do everything.
	Access *access.Gate
	// Version is the program's, for GetStats.
	Version string
	// Logger gets what the operator must know of failed items of CacheTorrents,
	// whose calls succeed, so that no interceptor sees them. Nil means
	// slog.Default().
	Logger *slog.Logger
	// OnItemError is told why an item failed of a call for many, whose method has this full name:
	// such calls succeed. It must not block. Nil means that nobody wants to know.
	OnItemError func(method string, why reason.Reason)
	// OnChange is told the ids of each torrent that changed through this server,
	// before the call that changed it is answered. The zero Set says that any
	// may have changed. It must not block. Nil means that nobody wants to know.
	OnChange func(infohash.Set)
	// Limits are those of uploads. Nil means that there are none but MaxTorrentSize.
	Limits *limit.Limits
	// Maintenance is the store's, for VerifyStore and BackupStore. Nil means that
	// the store has none.
	Maintenance Maintenance
	// Mirrors are the servers that this one follows. Nil: none.
	Mirrors Mirrors
	// Repairer repairs torrents that a reader asks for and that are damaged or cannot be read.
	// Nil: nobody does.
	Repairer Repairer
	// Audit is told of each removal, restoration, backup and drain before it is
	// done, of many at once where many are done at once; if it fails nothing is done.
	// Nil means that nobody keeps a log.
	Audit func(...audit.Entry) error
	// Contact is the address or URL for questions of people whose torrent was
	// removed. Empty: nobody is named.
	Contact string
	// DownloadURL returns the address at which everybody can have a torrent, for its magnet
	// link; "" if there is none. Nil: there is none for any.
	DownloadURL func(infohash.Set) string
	// Cache is the cache before GetTorrent; it may keep the torrents that it was
	// given. Nil: there is none.
	Cache Cache
	// Upstreams are asked for torrents that the store lacks. Nil: there are none. The server
	// does not close them.
	Upstreams *upstream.Upstreams
	// Wanted gets the torrents that readers miss. Nil: nothing is looked for.
	Wanted *wanted.Book
	// OnRead is told of each torrent that GetTorrent gave to a reader; of a torrent that the
	// Cache keeps, when it was loaded. It must not block. Nil means that nobody wants to
	// know.
	OnRead func(infohash.Set)
	// Usage is what the store knows of its reads and drops. Nil: it knows nothing.
	Usage Usage
	// OnDrain makes the server answer not ready, for good. It may be called more
	// than once. Nil means that the server cannot.
	OnDrain func()
}

// Server implements CacheService, SyncService and AdminService. It is safe for
// concurrent use.
type Server struct {
	store          store.Store
	maxSize        int64
	refusePrivate  bool
	refusePasskeys bool
	deny           *deny.Lists // nil if there are none
	access         *access.Gate
	version        string
	started        time.Time
	logger         *slog.Logger
	onItemError    func(method string, why reason.Reason)
	news           *news
	limits         *limit.Limits
	maintenance    Maintenance // nil if there is none
	audit          func(...audit.Entry) error
	contact        string // empty if there is none
	downloadURL    func(infohash.Set) string
	noteRead       func(infohash.Set)
	onDrain        func() // nil if there is none
	cache          Cache  // nil if there is none
	upstreams      *upstream.Upstreams
	wanted         *wanted.Book // nil if nothing is looked for
	proxyWarning   sync.Once    // of an edge that is not believed
	mirrors        Mirrors      // nil if there are none
	repairer       Repairer     // nil if there is none
	usage          Usage        // nil if the store has none

	verifying, backingUp sync.Mutex // held while such a call runs

	// Held for reading while an operator changes removals, and for writing while a copy looks
	// at one and changes it.
	removals sync.RWMutex
	origin   removalOrigin
}

// New returns a Server.
func New(o Options) *Server {
	n := &news{}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
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
	if o.Access == nil {
		o.Access = access.NewGate(access.Open(access.Read | access.Write | access.Sync))
	}
	if o.OnRead == nil {
		o.OnRead = func(infohash.Set) {}
	}
	changed := func(ids infohash.Set) {
		o.Upstreams.Forget(ids)
		o.Wanted.Forget(ids.All()...)
		o.OnChange(ids)
	}
	watched := &watchedStore{Store: o.Store, news: n, onChange: changed}
	return &Server{
		mirrors: o.Mirrors, repairer: o.Repairer, usage: o.Usage,
		store: watched, maxSize: o.MaxTorrentSize, refusePrivate: o.RefusePrivate, refusePasskeys: o.RefusePasskeys, deny: o.Deny, access: o.Access,
		version: o.Version, started: time.Now(), logger: o.Logger, onItemError: o.OnItemError, news: n, limits: o.Limits,
		maintenance: o.Maintenance, audit: o.Audit, contact: o.Contact, downloadURL: o.DownloadURL, noteRead: o.OnRead, onDrain: o.OnDrain, cache: o.Cache,
		upstreams: o.Upstreams, wanted: o.Wanted,
	}
}

// RegisterPublic registers the services for everybody.
func (s *Server) RegisterPublic(r grpc.ServiceRegistrar) {
	torrentcachev1.RegisterCacheServiceServer(r, &cacheService{Server: s})
	torrentcachev1.RegisterSyncServiceServer(r, &syncService{Server: s})
}

// RegisterAdmin registers the operator's service, for the admin listener only.
func (s *Server) RegisterAdmin(r grpc.ServiceRegistrar) {
	torrentcachev1.RegisterAdminServiceServer(r, &adminService{Server: s})
}

// MaxMessageSize returns the size in bytes of the largest message the server
// takes: the largest torrent and 64 KiB.
func (s *Server) MaxMessageSize() int { return MaxMessageSize(s.maxSize) }

// MaxMessageSize returns the size in bytes of the largest message that a server
// of that maximum torrent size sends or takes; clients need it as their limit
// on what they receive.
func MaxMessageSize(maxTorrentSize int64) int { return int(maxTorrentSize) + messageOverhead }

// cacheService is the Server as CacheService.
type cacheService struct {
	torrentcachev1.UnsafeCacheServiceServer
	*Server
}

// adminService is the Server as AdminService.
type adminService struct {
	torrentcachev1.UnsafeAdminServiceServer
	*Server
}
