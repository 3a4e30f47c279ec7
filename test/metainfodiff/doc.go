// Package metainfodiff compares the verdicts and info hashes of package metainfo with those of
// libtorrent 2.0.8 and of anacrolix/torrent v1.62.0, over thousands of generated and mutated
// torrents. It is a separate module, so that programs that import torrentcache do not get the
// dependencies of anacrolix/torrent.
//
//	go test ./...                                   # against anacrolix/torrent
//	go test -tags e2e ./...                         # and libtorrent: needs Debian's python3-libtorrent
//	TORRENTCACHE_TEST_LONG=1 go test -tags e2e ./... # twenty times as many
//
// The seed is printed; TORRENTCACHE_TEST_SEED repeats a run.
package metainfodiff
