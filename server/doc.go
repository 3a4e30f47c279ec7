// Package server is the service behind every door: it takes a torrent's bytes,
// inflates and parses them, stores them, and answers by the contract in
// proto/torrentcache/v1. The rules of the cache are here and nowhere else.
//
// A [Server] is reached in two ways, over the network by [NewGRPC] and from the
// same process by [InProcess]. Both run the same [Chain] of interceptors and
// refuse the same messages, so a caller cannot tell one from the other:
//
//	srv := server.New(server.Options{Store: st, MaxTorrentSize: 10_000_000})
//	chain := server.Chain{Logger: logger}
//	network := server.NewGRPC(chain, srv.MaxMessageSize(), health, srv.RegisterPublic)
//	local := server.InProcess(chain, srv.MaxMessageSize(), srv.RegisterPublic)
package server
