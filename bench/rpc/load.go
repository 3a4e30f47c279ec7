package main

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// job describes one load.
type job struct {
	addr    string
	sample  sample
	clients int
	conns   int
	length  time.Duration
}

// loadRole makes a role of a load. The role prints the number of requests and the nanoseconds.
func loadRole(load func(job) (int, error)) func(args []string) error {
	return func(args []string) (err error) {
		debug.SetGCPercent(400) // the memory of the load generator is not measured
		j := job{addr: args[0]}
		if j.sample, err = plainSample(args[1]); err != nil {
			return err
		}
		if j.clients, err = strconv.Atoi(args[2]); err != nil {
			return err
		}
		if j.conns, err = strconv.Atoi(args[3]); err != nil {
			return err
		}
		if j.length, err = time.ParseDuration(args[4]); err != nil {
			return err
		}
		begin := time.Now()
		n, err := load(j)
		if err == nil {
			fmt.Println(n, int64(time.Since(begin)))
		}
		return err
	}
}

// repeat runs j.clients clients, each of which makes one request after the other until the time
// is over. It returns the number of requests. newClient returns the function that makes request
// number n, counted over all clients.
func repeat(j job, newClient func(client int) (func(n uint64) error, error)) (int, error) {
	var count atomic.Uint64
	var all sync.WaitGroup
	base := uint64(time.Now().UnixNano())
	errs := make(chan error, j.clients)
	end := time.Now().Add(j.length)
	for i := range j.clients {
		all.Go(func() {
			do, err := newClient(i)
			for err == nil && time.Now().Before(end) {
				err = do(base + count.Add(1))
			}
			if err != nil {
				errs <- err
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
		return int(count.Load()), nil
	}
}

// dial returns j.conns connections with the defaults of grpc-go, except that messages may have
// any size.
func dial(j job, options ...grpc.CallOption) ([]*grpc.ClientConn, error) {
	options = append(options, grpc.MaxCallRecvMsgSize(maxTorrentSize*2))
	conns := make([]*grpc.ClientConn, j.conns)
	for i := range conns {
		c, err := grpc.NewClient(j.addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(options...))
		if err != nil {
			return nil, err
		}
		conns[i] = c
	}
	return conns, nil
}

// rawCodec sends a []byte unchanged and reads only the length of an answer, so that the load
// costs no more than the server.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*int) = data.Len()
	return nil
}

// getTorrents requests the sample again and again, after it has checked one answer.
func getTorrents(j job) (int, error) {
	if err := prepare(j); err != nil {
		return 0, err
	}
	request, err := proto.Marshal(&torrentcachev1.GetTorrentRequest{InfoHash: j.sample.hash})
	if err != nil {
		return 0, err
	}
	conns, err := dial(j, grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		return 0, err
	}
	return repeat(j, func(client int) (func(uint64) error, error) {
		conn := conns[client%len(conns)]
		return func(uint64) error {
			var size int
			err := conn.Invoke(context.Background(), torrentcachev1.CacheService_GetTorrent_FullMethodName, request, &size)
			if err == nil && size < len(j.sample.bytes) {
				err = fmt.Errorf("an answer of %d bytes", size)
			}
			return err
		}, nil
	})
}

// prepare puts the sample into the server and makes sure that it comes back.
func prepare(j job) error {
	conns, err := dial(j)
	if err != nil {
		return err
	}
	client := torrentcachev1.NewCacheServiceClient(conns[0])
	if _, err := client.CacheTorrent(context.Background(), &torrentcachev1.CacheTorrentRequest{Torrent: j.sample.bytes}); err != nil {
		return err
	}
	got, err := client.GetTorrent(context.Background(), &torrentcachev1.GetTorrentRequest{InfoHash: j.sample.hash})
	if err == nil && !bytes.Equal(got.GetTorrent(), j.sample.bytes) {
		err = fmt.Errorf("the sample came back as %d other bytes", len(got.GetTorrent()))
	}
	return err
}

// cacheTorrents uploads a new torrent with each request.
func cacheTorrents(j job) (int, error) {
	conns, err := dial(j, grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		return 0, err
	}
	return repeat(j, func(client int) (func(uint64) error, error) {
		conn := conns[client%len(conns)]
		request, err := proto.Marshal(&torrentcachev1.CacheTorrentRequest{Torrent: j.sample.bytes})
		if err != nil {
			return nil, err
		}
		torrent := request[len(request)-len(j.sample.bytes):]
		return func(n uint64) error {
			j.sample.number(torrent, n)
			var size int
			return conn.Invoke(context.Background(), torrentcachev1.CacheService_CacheTorrent_FullMethodName, request, &size)
		}, nil
	})
}
