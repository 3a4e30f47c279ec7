// Package screen applies an operator's deny lists at a door whose servers are on other machines,
// and may have other lists or none. It stands between the door, with its cache, and the connection
// to the servers.
package screen

import (
	"context"
	"slices"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/inflate"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
)

// Options are the options of [New]. All but Contact are required.
type Options struct {
	Conn           grpc.ClientConnInterface // to the servers
	Deny           *deny.Lists
	Limits         *limit.Limits // of the memory for uploads that have to be inflated
	MaxTorrentSize int64         // in bytes; larger uploads are left to the servers to refuse
	Contact        string        // the address for questions; empty: answers name none
}

// New returns a connection that answers as o.Conn does, except for torrents on the deny lists:
// reads answer TORRENT_REMOVED, uploads TORRENT_REFUSED, and FindMissingTorrents reports them as
// missing. The connection is safe for concurrent use.
func New(o Options) grpc.ClientConnInterface {
	return &conn{ClientConnInterface: o.Conn, o: o}
}

type conn struct {
	grpc.ClientConnInterface
	o Options
}

// Invoke implements [grpc.ClientConnInterface].
func (c *conn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if err := c.refuse(ctx, args); err != nil {
		return reason.Of(err).GRPCStatus().Err()
	}
	if err := c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...); err != nil {
		return err
	}
	return c.hide(args, reply)
}

// torrentRequest is a request for one torrent.
type torrentRequest interface{ GetInfoHash() string }

// torrentAnswer is an answer about one torrent.
type torrentAnswer interface {
	GetInfoHashV1() string
	GetInfoHashV2() string
}

// refuse returns an error if the request alone shows that the deny lists name its torrent.
func (c *conn) refuse(ctx context.Context, args any) error {
	switch request := args.(type) {
	case *torrentcachev1.CacheTorrentRequest:
		return c.refuseUpload(ctx, request.GetTorrent())
	case *torrentcachev1.GetTorrentRequest, *torrentcachev1.DescribeTorrentRequest:
		hash := request.(torrentRequest).GetInfoHash()
		if id, err := infohash.Parse(hash); err == nil && c.o.Deny.Denies(id) {
			return reason.Hidden(id.String(), c.o.Contact)
		}
	}
	return nil
}

// refuseUpload reads an upload as a server does, and refuses a listed torrent. It passes on
// uploads that it cannot read: the server reports their mistakes.
func (c *conn) refuseUpload(ctx context.Context, upload []byte) error {
	if c.o.Deny.Stats().Entries == 0 {
		return nil
	}
	if inflate.IsCompressed(upload) {
		reserved, err := c.o.Limits.Work(ctx, limit.Caller{Addr: origin.FromContext(ctx)}, inflate.Memory(c.o.MaxTorrentSize), false)
		if err != nil {
			return err
		}
		defer reserved.Release()
		done, err := c.o.Limits.Inflate(ctx)
		if err != nil {
			return err
		}
		defer done()
		if upload, err = inflate.Inflate(upload, c.o.MaxTorrentSize); err != nil {
			return nil
		}
	}
	torrent, err := metainfo.Parse(upload)
	if err != nil {
		return nil
	}
	if c.o.Deny.Denies(torrent.IDs().All()...) {
		return reason.Denied(torrent.IDs().Primary().String(), c.o.Contact)
	}
	return nil
}

// hide returns an error if the deny lists name the torrent of the answer, which has all its ids.
func (c *conn) hide(args, reply any) error {
	switch answer := reply.(type) {
	case *torrentcachev1.GetTorrentResponse, *torrentcachev1.DescribeTorrentResponse:
		of := answer.(torrentAnswer)
		if c.o.Deny.Denies(infohash.SetOf(of.GetInfoHashV1(), of.GetInfoHashV2()).All()...) {
			return reason.Hidden(args.(torrentRequest).GetInfoHash(), c.o.Contact).GRPCStatus().Err()
		}
	case *torrentcachev1.FindMissingTorrentsResponse:
		answer.MissingInfoHashes = c.withListed(args.(*torrentcachev1.FindMissingTorrentsRequest).GetInfoHashes(), answer.GetMissingInfoHashes())
	}
	return nil
}

// withListed returns those of hashes that are missing or listed, in the order of hashes.
func (c *conn) withListed(hashes, missing []string) []string {
	absent := map[string]bool{}
	for _, hash := range missing {
		absent[hash] = true
	}
	return slices.DeleteFunc(slices.Clone(hashes), func(hash string) bool {
		if absent[hash] {
			return false
		}
		id, err := infohash.Parse(hash)
		return err != nil || !c.o.Deny.Denies(id)
	})
}
