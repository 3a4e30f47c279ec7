package access

import "strings"

// Our services. All others are grpc's own: health and reflection, which tell
// nothing but the contract and whether the server serves, are for everybody.
const (
	apiPrefix   = "/torrentcache."
	adminPrefix = "/torrentcache.v1.AdminService/"
)

// needs is the role that each call for the public needs. FindMissingTorrents
// answers for thousands of info hashes at once, which is for who uploads.
var needs = map[string]Roles{
	"/torrentcache.v1.CacheService/GetTorrent":          Read,
	"/torrentcache.v1.CacheService/DescribeTorrent":     Read,
	"/torrentcache.v1.CacheService/CacheTorrent":        Write,
	"/torrentcache.v1.CacheService/CacheTorrents":       Write,
	"/torrentcache.v1.CacheService/FindMissingTorrents": Write,
	"/torrentcache.v1.SyncService/WatchChanges":         Sync,
}

// RoleFor returns the role that a call needs, by its full method name
// (/package.Service/Method); 0 if it needs none. It is false for a method of
// ours that is not in the table, which nobody may call.
func RoleFor(method string) (Roles, bool) {
	switch role, ok := needs[method]; {
	case ok:
		return role, true
	case strings.HasPrefix(method, adminPrefix):
		return Admin, true
	default:
		return 0, !strings.HasPrefix(method, apiPrefix)
	}
}
