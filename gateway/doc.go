// Package gateway is the HTTP door: JSON routes and raw torrents under /v1/,
// downloads under /torrent/, the API's documents and the pages.
//
// It translates and holds no cache rules: every request ends in a call of
// CacheService over the connection it was given, in process or remote. It does
// its own routing, because a mux that redirects would break old clients.
//
// JSON is protobuf's mapping with lowerCamelCase names. Answers always carry
// all fields, empty ones too, so that a client sees which there are. Fields of a
// request that this version does not know are ignored.
package gateway
