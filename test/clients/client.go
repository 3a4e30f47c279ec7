// A gRPC client in Go: client ADDRESS SECONDS cache FILE | get HASH FILE
//
// Prints the info hash, or on failure the reason (else the status code).
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const retries = `{"methodConfig": [{
	"name": [{"service": "torrentcache.v1.CacheService"}],
	"retryPolicy": {
		"maxAttempts": 4, "initialBackoff": "0.5s", "maxBackoff": "10s", "backoffMultiplier": 2,
		"retryableStatusCodes": ["UNAVAILABLE"]
	}
}]}`

func main() {
	hash, err := run(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		hash = reasonOf(err)
	}
	fmt.Println(hash)
}

func run(address, seconds string, args []string) (hash string, err error) {
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(retries),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(11<<20))) // the default is 4 MiB
	if err != nil {
		return "", err
	}
	defer conn.Close()
	patience, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(patience*float64(time.Second)))
	defer cancel()
	service := torrentcachev1.NewCacheServiceClient(conn)
	if args[0] == "cache" {
		return cache(ctx, service, args[1])
	}
	return get(ctx, service, args[1], args[2])
}

func cache(ctx context.Context, service torrentcachev1.CacheServiceClient, file string) (string, error) {
	torrent, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	answer, err := service.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
	return answer.GetInfoHash(), err
}

func get(ctx context.Context, service torrentcachev1.CacheServiceClient, hash, file string) (string, error) {
	answer, err := service.GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{InfoHash: hash})
	if err != nil {
		return "", err
	}
	return answer.GetInfoHash(), os.WriteFile(file, answer.GetTorrent(), 0o666)
}

func reasonOf(err error) string {
	s := status.Convert(err)
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "torrentcache" {
			return info.GetReason()
		}
	}
	return code.Code(s.Code()).String()
}
