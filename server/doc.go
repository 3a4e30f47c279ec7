// Package server is the service behind every door: it takes a torrent's bytes, inflates and parses
// them, stores them, and answers by the contract in proto/torrentcache/v1. It alone has the rules
// of the cache.
//
// Calls reach a [Server] by package rpc, over the network and from the same process. The
// operator's calls are in package admin, which works on the same Server:
//
//	srv := server.New(server.Options{Store: st, MaxTorrentSize: 10_000_000})
//	chain := rpc.Chain{Logger: logger}
//	network := rpc.NewGRPC(chain, nil, srv.MaxMessageSize(), health, srv.RegisterPublic)
//	local := rpc.InProcess(chain, srv.MaxMessageSize(), srv.RegisterPublic)
//	operator := admin.New(srv, admin.Options{Version: "v1.0.0"})
//	localAdmin := rpc.InProcess(chain, srv.MaxMessageSize(), operator.Register)
package server
