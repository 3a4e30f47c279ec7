// Package client talks to a torrentcache server. It fetches and describes torrents, finds out which
// are missing, and pushes any number of them over parallel streams.
//
// A [Client] is one connection. It connects when it is first used, and again whenever the
// connection was lost. Its methods are safe for concurrent use.
//
//	c, err := client.Dial("127.0.0.1:9090", client.Options{})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	torrent, err := c.Get(ctx, id)
//
// Use [Client.Push] to send more than a few torrents. It computes their info hashes, asks the
// server which of them it lacks, sends only those, and repeats the uploads that a restart of the
// server interrupted. It holds a bounded number of bytes, however many torrents there are.
//
// Errors of the server have a stable reason, which [Reason] returns.
//
// Outside this module the package imports only grpc, protobuf and genproto.
package client
