// Package swarm looks for torrents of which only an id is known: it asks the DHT and trackers for
// peers, and peers for the info dictionary, of which it makes a torrent.
//
// A v2 torrent comes without its piece layers, which are no part of the info dictionary.
package swarm
