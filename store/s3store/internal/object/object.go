// Package object encodes and decodes the objects in a store's bucket: torrents with their
// aliases and tombstones, batches of the feed, named values and the epoch. It sends nothing.
//
// Each object begins with a magic that tells its format, and CRC32C (Castagnoli) checksums cover
// all its bytes. An intact object of an unknown format is not damaged: it is neither given out
// nor overwritten, because a newer program wrote it. Format 1 was never released.
//
// Functions are safe for concurrent use, and so are values that nobody modifies.
package object

import (
	"bytes"
	"hash/crc32"

	"github.com/torrentcache/torrentcache/store"
)

// Object is a decoded object. Its torrent may be damaged or cut short.
type Object struct {
	Header
	Reason, Reference string
	Torrent           []byte
}

// Bytes returns the encoded object. It uses Join because that does not clear the memory first.
func (o *Object) Bytes() []byte {
	head := o.Header.Append(make([]byte, 0, HeaderSize))
	return bytes.Join([][]byte{head, []byte(o.Reason), []byte(o.Reference), o.Torrent}, nil)
}

// Parse decodes an object. The error is that of ParseHeader. The torrent aliases b.
func Parse(b []byte) (Object, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return Object{}, err
	}
	o := Object{Header: h}
	rest := b[HeaderSize:]
	texts := int(h.ReasonLength) + int(h.ReferLength)
	if len(rest) >= texts {
		if crc32.Checksum(rest[:texts], castagnoli) == h.textCRC {
			o.Reason, o.Reference = string(rest[:h.ReasonLength]), string(rest[h.ReasonLength:texts])
		}
		rest = rest[texts:]
		o.Torrent = rest[:min(len(rest), int(h.TorrentLength)):len(rest)]
	}
	return o, nil
}

// Erase removes the torrent's bytes.
func (o *Object) Erase() {
	o.Torrent = nil
	o.infoOffset, o.infoLength, o.TorrentLength, o.torrentCRC = 0, 0, 0, 0
	o.Version = store.Version{}
}

// Info returns the info bytes of an object that is not damaged.
func (o *Object) Info() []byte { return o.Torrent[o.infoOffset:][:o.infoLength] }

// Damaged reports whether the torrent is no longer as it was stored.
func (o *Object) Damaged() bool {
	return len(o.Torrent) != int(o.TorrentLength) || crc32.Checksum(o.Torrent, castagnoli) != o.torrentCRC
}

// Whole reports whether the texts and the torrent are as they were stored.
func (o *Object) Whole() bool {
	return o.TextsWhole() && !o.Damaged()
}

// TextsWhole reports whether the texts are as they were stored.
func (o *Object) TextsWhole() bool {
	return len(o.Reason) == int(o.ReasonLength) && len(o.Reference) == int(o.ReferLength)
}

// Removal returns the removal that a tombstone records.
func (o *Object) Removal() store.Removal {
	return store.Removal{Reason: o.Reason, Reference: o.Reference, Time: o.Removed}
}

// Foreign is the error of an intact object whose format this program does not know.
type Foreign struct{ newer bool }

// otherFormat returns the error of an object in a format other than want.
func otherFormat(format, want byte) error { return &Foreign{newer: format > want} }

// Error says how to deal with the object.
func (f *Foreign) Error() string {
	if f.newer {
		return "a newer version of this program wrote it, which knows more than this one"
	}
	return "it has a format that was never released: begin with an empty bucket or another prefix"
}

// Unwrap returns [store.ErrUnavailable].
func (f *Foreign) Unwrap() error { return store.ErrUnavailable }
