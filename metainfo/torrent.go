package metainfo

import "github.com/torrentcache/torrentcache/infohash"

// Torrent is a valid .torrent file. It never changes and is safe for concurrent use. Only
// [Parse] makes one; the zero value is not usable.
type Torrent struct {
	b    []byte
	ids  infohash.Set
	info span // the info dictionary
	// layers is the outer `piece layers` dictionary. It is zero if there is none or the torrent
	// is v1.
	layers span
	// name is the torrent's name without its length: `name.utf-8`, else `name`.
	name span
	// list is `files` if it is a list, tree is `file tree` of a v2 or hybrid
	// torrent. If both are zero, info itself describes the one file.
	list, tree    span
	pieceLength   int64 // bytes, > 0
	paddedSize    int64 // bytes that the pieces cover
	totalSize     int64 // bytes without padding
	fileCount     int   // number of files in the tree, or in the list, or 1
	private       bool
	missingLayers bool
}

// Bytes returns the file as given to [Parse]. Callers must not change it.
func (t *Torrent) Bytes() []byte { return t.b }

// IDs returns every info hash of the torrent: v1, v2, or both of a hybrid.
func (t *Torrent) IDs() infohash.Set { return t.ids }

// InfoSpan returns the span of the info dictionary in [Torrent.Bytes], in bytes. The info hashes
// are the hashes of this span.
func (t *Torrent) InfoSpan() (offset, length int) { return t.info.start, t.info.len() }

// Private reports whether the torrent asks to be shared only through its own trackers (BEP 27).
// The announce URL of such a torrent often contains the passkey of its uploader.
func (t *Torrent) Private() bool { return t.private }

// TotalSize returns the size of the content in bytes, without pad files (BEP 47).
func (t *Torrent) TotalSize() int64 { return t.totalSize }

// MissingPieceLayers reports whether the file is a v2 or hybrid torrent whose
// `piece layers` lack the hashes of a file longer than a piece. Clients can
// fetch them from peers (BEP 52); [Complete] adds them from another upload.
func (t *Torrent) MissingPieceLayers() bool { return t.missingLayers }

// pieceCount returns the number of pieces, at most [MaxPieces].
func (t *Torrent) pieceCount() int64 { return ceilDiv(t.paddedSize, t.pieceLength) }

func ceilDiv(n, by int64) int64 {
	q := n / by
	if n%by != 0 {
		q++
	}
	return q
}
