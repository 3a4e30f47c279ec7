package object

import (
	"bytes"
	"hash/crc32"

	"github.com/torrentcache/torrentcache/store"
)

// Object is a whole object. The torrent of one that was read may be damaged or
// cut short.
type Object struct {
	Header
	Reason, Reference string
	Torrent           []byte
}

// Bytes returns the body of the object. Join does not clear the memory first.
func (o *Object) Bytes() []byte {
	head := o.Header.Append(make([]byte, 0, HeaderSize))
	return bytes.Join([][]byte{head, []byte(o.Reason), []byte(o.Reference), o.Torrent}, nil)
}

// Parse reads a body. The error is that of its header. The torrent is a part of b.
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

// Erase takes the torrent out.
func (o *Object) Erase() {
	o.Torrent = nil
	o.infoOffset, o.infoLength, o.TorrentLength, o.torrentCRC = 0, 0, 0, 0
	o.Version = store.Version{}
}

// Info returns the info bytes of an object that is not damaged.
func (o *Object) Info() []byte { return o.Torrent[o.infoOffset:][:o.infoLength] }

// Damaged reports whether the torrent is not what was stored.
func (o *Object) Damaged() bool {
	return len(o.Torrent) != int(o.TorrentLength) || crc32.Checksum(o.Torrent, castagnoli) != o.torrentCRC
}

// Whole reports whether the texts and the torrent are what was stored.
func (o *Object) Whole() bool {
	return o.TextsWhole() && !o.Damaged()
}

// TextsWhole reports whether the texts are what was stored.
func (o *Object) TextsWhole() bool {
	return len(o.Reason) == int(o.ReasonLength) && len(o.Reference) == int(o.ReferLength)
}

// Removal returns what a tombstone says.
func (o *Object) Removal() store.Removal {
	return store.Removal{Reason: o.Reason, Reference: o.Reference, Time: o.Removed}
}
