package peer

import (
	"errors"
	"fmt"

	"github.com/torrentcache/torrentcache/resolver/internal/bencode"
)

// Messages (BEP 3 and BEP 10).
const (
	extended = 20 // the message of extensions; its first byte says which

	extensionHandshake = 0
	ourMetadataID      = 1 // under which the peer sends ut_metadata here
)

// Kinds of ut_metadata messages (BEP 9).
const (
	request = 0
	data    = 1
	reject  = 2
)

// BlockSize is the size in bytes of a piece of metadata, but for the last (BEP 9).
const BlockSize = 16 << 10

// greeting is the extension handshake that is sent: ut_metadata, and no size, as there is nothing
// to be had here.
const greeting = "d1:md11:ut_metadatai1eee"

var errNothing = errors.New("the peer has no metadata to give")

// offer is what a peer says in its extension handshake.
type offer struct {
	id   byte  // under which it takes ut_metadata
	size int64 // of the metadata, in bytes
}

// parseOffer reads an extension handshake. The size is more than 0 and at most maxSize.
func parseOffer(b []byte, maxSize int64) (offer, error) {
	dict, _, err := bencode.Cut(b)
	if err != nil {
		return offer{}, fmt.Errorf("extension handshake: %w", err)
	}
	id, hasID := bencode.Int(bencode.Lookup(bencode.Lookup(dict, "m"), "ut_metadata"))
	size, hasSize := bencode.Int(bencode.Lookup(dict, "metadata_size"))
	switch {
	case !hasID || id == 0 || !hasSize || size == 0:
		return offer{}, errNothing
	case id < 0 || id > 255:
		return offer{}, fmt.Errorf("extension handshake: ut_metadata is %d", id)
	case size < 0 || size > maxSize:
		return offer{}, fmt.Errorf("extension handshake: metadata_size is %d, want 1 to %d", size, maxSize)
	}
	return offer{byte(id), size}, nil
}

// block is a message of ut_metadata.
type block struct {
	kind, piece int64
	total       int64 // the size of all metadata; 0 if the peer does not say
	content     []byte
}

// parseBlock reads a message of ut_metadata: a dictionary, behind which the content stands.
func parseBlock(b []byte) (block, error) {
	dict, content, err := bencode.Cut(b)
	if err != nil {
		return block{}, fmt.Errorf("ut_metadata: %w", err)
	}
	kind, hasKind := bencode.Int(bencode.Lookup(dict, "msg_type"))
	piece, hasPiece := bencode.Int(bencode.Lookup(dict, "piece"))
	if !hasKind || !hasPiece {
		return block{}, errors.New("ut_metadata: msg_type or piece is missing")
	}
	total, _ := bencode.Int(bencode.Lookup(dict, "total_size"))
	return block{kind, piece, total, content}, nil
}
