package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/torrentcache/torrentcache/bench/internal/side"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// target is a way to the object store. The argument client is the number of the caller.
type target struct {
	name string
	put  func(client int, hash string, torrent []byte) error
	get  func(client int, hash string) (int, error) // returns the torrent's size; nil if gets are not to be measured

	stored *hashes // the torrents that it has put
}

// startTargets starts three nodes and returns the targets: minio-go alone with plain puts,
// minio-go alone with the condition that nodes put with, one node, and three nodes.
func startTargets(o options, dir string) (targets []target, processes part, stop func(), err error) {
	alone, err := newMinio(o, "minio-go alone", "alone/", minio.PutObjectOptions{})
	if err != nil {
		return nil, part{}, nil, err
	}
	var absent minio.PutObjectOptions
	absent.SetMatchETagExcept("*")
	conditional, err := newMinio(o, "minio-go alone, If-None-Match", "absent/", absent)
	if err != nil {
		return nil, part{}, nil, err
	}
	conditional.get = nil // as above
	processes.name = "nodes"
	var nodes []*side.Process
	stop = func() {
		for _, n := range nodes {
			n.Stop()
		}
	}
	var caches []torrentcachev1.CacheServiceClient
	for i := range 3 {
		node, cache, err := startNode(o, dir, i)
		if err != nil {
			stop()
			return nil, part{}, nil, err
		}
		nodes, caches = append(nodes, node), append(caches, cache)
		processes.pids = append(processes.pids, node.PID())
	}
	targets = []target{alone, conditional, through("one node", caches[:1]), through("three nodes", caches)}
	return targets, processes, stop, nil
}

// newMinio returns a target as a program would write it with minio-go alone.
func newMinio(o options, name, prefix string, opts minio.PutObjectOptions) (target, error) {
	transport, err := minio.DefaultTransport(false)
	if err != nil {
		return target{}, err
	}
	transport.MaxIdleConnsPerHost = 256 // as in a node; the default of 16 would cause new connections all the time
	core, err := minio.NewCore(o.endpoint, &minio.Options{Creds: credentials.NewEnvAWS(), Region: "us-east-1", Transport: transport})
	if err != nil {
		return target{}, err
	}
	if err := makeBucket(core.Client, o.bucket); err != nil {
		return target{}, err
	}
	return target{
		name:   name,
		stored: &hashes{},
		put: func(_ int, hash string, torrent []byte) error {
			_, err := core.Client.PutObject(context.Background(), o.bucket, prefix+hash, bytes.NewReader(torrent), int64(len(torrent)), opts)
			return err
		},
		get: func(_ int, hash string) (int, error) {
			r, _, _, err := core.GetObject(context.Background(), o.bucket, prefix+hash, minio.GetObjectOptions{})
			if err != nil {
				return 0, err
			}
			defer r.Close()
			body, err := io.ReadAll(r)
			return len(body), err
		},
	}, nil
}

// through returns a target that calls nodes by gRPC, with the clients spread over the nodes.
func through(name string, nodes []torrentcachev1.CacheServiceClient) target {
	return target{
		name:   name,
		stored: &hashes{},
		put: func(client int, _ string, torrent []byte) error {
			_, err := nodes[client%len(nodes)].CacheTorrent(context.Background(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
			return err
		},
		get: func(client int, hash string) (int, error) {
			answer, err := nodes[client%len(nodes)].GetTorrent(context.Background(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
			return len(answer.GetTorrent()), err
		},
	}
}

// startNode runs `torrentcache serve` over the bucket and waits until it is ready.
func startNode(o options, dir string, number int) (*side.Process, torrentcachev1.CacheServiceClient, error) {
	grpcAddress, admin := freeAddress(), freeAddress()
	location := fmt.Sprintf("s3://%s/nodes?endpoint=%s", o.bucket, url.QueryEscape("http://"+o.endpoint))
	node, err := side.Start(o.cores, filepath.Join(dir, fmt.Sprintf("node%d.log", number)), filepath.Join(dir, "torrentcache"), "serve",
		"--store", location, "--grpc-addr", grpcAddress, "--admin-addr", admin, "--http-addr", "127.0.0.1:0", "--log-level", "error")
	if err != nil {
		return nil, nil, err
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get("http://" + admin + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Since(begin) > time.Minute {
			node.Stop()
			return nil, nil, fmt.Errorf("node %d does not become ready", number)
		}
	}
	// grpc-go's own codec allocates 1 MB for 40 KB whenever its pool is empty. That costs the
	// client up to four times as much as the rest of a put.
	conn, err := grpc.NewClient(grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(wire.NewCodec(nil, 0))))
	if err != nil {
		node.Stop()
		return nil, nil, err
	}
	return node, torrentcachev1.NewCacheServiceClient(conn), nil
}

func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0"
	}
	defer l.Close()
	return l.Addr().String()
}
