package s3store

import (
	"bytes"
	"hash/crc32"

	"github.com/torrentcache/torrentcache/store"
)

// object is a whole object. The torrent of one that was read may be damaged or
// cut short.
type object struct {
	header
	reason, reference string
	torrent           []byte
}

// bytes returns the body of the object. Join does not clear the memory first.
func (o *object) bytes() []byte {
	head := o.header.append(make([]byte, 0, headerSize))
	return bytes.Join([][]byte{head, []byte(o.reason), []byte(o.reference), o.torrent}, nil)
}

// parseObject reads a body. The error is that of its header. The torrent is a part of b.
func parseObject(b []byte) (object, error) {
	h, err := parseHeader(b)
	if err != nil {
		return object{}, err
	}
	o := object{header: h}
	rest := b[headerSize:]
	texts := int(h.reasonLength) + int(h.referLength)
	if len(rest) >= texts {
		if crc32.Checksum(rest[:texts], castagnoli) == h.textCRC {
			o.reason, o.reference = string(rest[:h.reasonLength]), string(rest[h.reasonLength:texts])
		}
		rest = rest[texts:]
		o.torrent = rest[:min(len(rest), int(h.torrentLength)):len(rest)]
	}
	return o, nil
}

// erase takes the torrent out.
func (o *object) erase() {
	o.torrent = nil
	o.infoOffset, o.infoLength, o.torrentLength, o.torrentCRC = 0, 0, 0, 0
	o.version = store.Version{}
}

// info returns the info bytes of an object that is not damaged.
func (o *object) info() []byte { return o.torrent[o.infoOffset:][:o.infoLength] }

// damaged reports whether the torrent is not what was stored.
func (o *object) damaged() bool {
	return len(o.torrent) != int(o.torrentLength) || crc32.Checksum(o.torrent, castagnoli) != o.torrentCRC
}

// whole reports whether the texts and the torrent are what was stored.
func (o *object) whole() bool {
	return o.textsWhole() && !o.damaged()
}

// textsWhole reports whether the texts are what was stored.
func (o *object) textsWhole() bool {
	return len(o.reason) == int(o.reasonLength) && len(o.reference) == int(o.referLength)
}

// removal returns what a tombstone says.
func (o *object) removal() store.Removal {
	return store.Removal{Reason: o.reason, Reference: o.reference, Time: o.removed}
}
