package source

import "bytes"

// mayBeTorrent reports whether content of a name that says nothing begins as a
// torrent does, perhaps after decompression.
func mayBeTorrent(b []byte) bool {
	holds, err := detect(bytes.NewReader(b))
	return err == nil && holds == torrent
}
