package main

import (
	"context"
	"net/http"
	"strconv"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	gw "github.com/torrentcache/torrentcache/gen/gateway/torrentcache/v1"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// plainServer answers as torrentcache would, but does no work for it.
type plainServer struct {
	torrentcachev1.UnimplementedCacheServiceServer
	sample sample
}

// GetTorrent returns the sample.
func (p *plainServer) GetTorrent(context.Context, *torrentcachev1.GetTorrentRequest) (*torrentcachev1.GetTorrentResponse, error) {
	return &torrentcachev1.GetTorrentResponse{
		Torrent:    p.sample.bytes,
		InfoHash:   p.sample.hash,
		InfoHashV1: p.sample.hash,
		UpdateTime: timestamppb.Now(),
		Etag:       "00112233445566778899aabbccddeeff",
	}, nil
}

// CacheTorrent discards the torrent.
func (p *plainServer) CacheTorrent(context.Context, *torrentcachev1.CacheTorrentRequest) (*torrentcachev1.CacheTorrentResponse, error) {
	return &torrentcachev1.CacheTorrentResponse{InfoHash: p.sample.hash, InfoHashV1: p.sample.hash, Outcome: torrentcachev1.Outcome_OUTCOME_CREATED}, nil
}

func newPlainServer(args []string) (*plainServer, error) {
	size, err := strconv.Atoi(args[1])
	if err != nil {
		return nil, err
	}
	s, err := newSample(size)
	return &plainServer{sample: s}, err
}

// serveDefault serves with the defaults of grpc-go.
func serveDefault(args []string) error {
	p, err := newPlainServer(args)
	if err != nil {
		return err
	}
	l, err := listen(args[0])
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	torrentcachev1.RegisterCacheServiceServer(s, p)
	return s.Serve(l)
}

// serveDefaultJSON serves with the defaults of grpc-gateway, by direct calls.
func serveDefaultJSON(args []string) error {
	p, err := newPlainServer(args)
	if err != nil {
		return err
	}
	mux := runtime.NewServeMux()
	if err := gw.RegisterCacheServiceHandlerServer(context.Background(), mux, p); err != nil {
		return err
	}
	l, err := listen(args[0])
	if err != nil {
		return err
	}
	return http.Serve(l, mux)
}
