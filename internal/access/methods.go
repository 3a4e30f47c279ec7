package access

import (
	"maps"
	"slices"
	"strings"
)

// apiPrefix begins the names of our services. All others are grpc's own: health and
// reflection. They are for everybody, because they tell nothing but the contract and whether
// the server serves.
const apiPrefix = "/torrentcache."

// Class is the kind of a call for the limits.
type Class uint8

// The classes.
const (
	Unlimited    Class = iota // no limit but those of its connection
	Reading                   // it counts in the rate of downloads
	Uploading                 // it is an upload
	UploadStream              // it is a stream of uploads
	SyncStream                // it is a stream for programs that keep copies
)

// Call is the role that one of our methods requires, and its class for the limits.
type Call struct {
	Role  Roles // that the caller needs; 0 for none, but a wrong key is still refused
	Class Class
}

// calls has each of our methods by its full name. Nobody may call a method that is missing here.
// FindMissingTorrents answers for thousands of info hashes at once, so it needs the role of
// uploads. DescribeTorrent tells the day of the last read only to the role Sync. DescribeServer
// tells callers about themselves.
var calls = map[string]Call{
	"/torrentcache.v1.CacheService/GetTorrent":          {Read, Reading},
	"/torrentcache.v1.CacheService/DescribeTorrent":     {Read, Reading},
	"/torrentcache.v1.CacheService/FindMissingTorrents": {Write, Reading},
	"/torrentcache.v1.CacheService/WantTorrent":         {Read, Reading},
	"/torrentcache.v1.CacheService/CacheTorrent":        {Write, Uploading},
	"/torrentcache.v1.CacheService/CacheTorrents":       {Write, UploadStream},
	"/torrentcache.v1.CacheService/DescribeServer":      {0, Reading},
	"/torrentcache.v1.SyncService/WatchChanges":         {Sync, SyncStream},
	"/torrentcache.v1.SyncService/ReadTorrents":         {Sync, SyncStream},
	"/torrentcache.v1.SyncService/WatchWanted":          {Sync, SyncStream},
	"/torrentcache.v1.AdminService/RemoveTorrent":       {Admin, Unlimited},
	"/torrentcache.v1.AdminService/RestoreTorrent":      {Admin, Unlimited},
	"/torrentcache.v1.AdminService/RemoveTorrents":      {Admin, Unlimited},
	"/torrentcache.v1.AdminService/RestoreTorrents":     {Admin, Unlimited},
	"/torrentcache.v1.AdminService/FindDeniedTorrents":  {Admin, Unlimited},
	"/torrentcache.v1.AdminService/VerifyStore":         {Admin, Unlimited},
	"/torrentcache.v1.AdminService/BackupStore":         {Admin, Unlimited},
	"/torrentcache.v1.AdminService/ReadRecord":          {Admin, Unlimited},
	"/torrentcache.v1.AdminService/GetStats":            {Admin, Unlimited},
	"/torrentcache.v1.AdminService/ResumeMirror":        {Admin, Unlimited},
	"/torrentcache.v1.AdminService/Drain":               {Admin, Unlimited},
}

// CallOf returns the role and the class of a call by its full method name
// (/package.Service/Method). It returns false for a method of ours that is not in the table.
func CallOf(method string) (Call, bool) {
	call, ok := calls[method]
	return call, ok || !isOurs(method)
}

func isOurs(method string) bool { return strings.HasPrefix(method, apiPrefix) }

// Methods returns the full names of all methods in the table, in no order.
func Methods() []string { return slices.Collect(maps.Keys(calls)) }
