// Package proto has the text of the API's contract, for servers to hand out.
package proto

import _ "embed"

// CacheService is the file cache_service.proto. Do not change it.
//
//go:embed torrentcache/v1/cache_service.proto
var CacheService []byte
