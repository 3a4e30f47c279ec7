// Package client talks to a torrentcache server: it fetches and describes
// torrents, finds out which are missing, and pushes any number of them over
// parallel streams.
//
// A [Client] is one connection, made when it is first used and again whenever it
// was lost. Its methods are safe for concurrent use.
//
//	c, err := client.Dial("127.0.0.1:9090", client.Options{})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	torrent, err := c.Get(ctx, id)
//
// [Client.Push] is the way to send more than a few torrents: it computes their
// info hashes, asks the server which of them it lacks, sends only those, and
// repeats what a restart of the server interrupted. It holds a bounded number of
// bytes, however many torrents there are.
//
// Errors of the server say why by a stable reason, which [Reason] returns.
//
// The package needs grpc and protobuf and nothing else.
package client
