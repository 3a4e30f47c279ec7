package torrenttest

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// blockSize is the size of the Merkle trees' leaves in bytes (BEP 52).
const blockSize = 16 << 10

// v2Info returns the v2 keys of the info dictionary, and the piece layers.
func v2Info(name string, files []File) (info, layers Dict) {
	layers = Dict{}
	tree := Dict{}
	for _, f := range files {
		path := f.Path
		if path == "" {
			path = name
		}
		leaf := Dict{"length": len(f.Data)}
		if f.Attr != "" {
			leaf["attr"] = f.Attr
		}
		if len(f.Data) > 0 {
			root, layer := merkle(f.Data)
			leaf["pieces root"] = root
			if len(f.Data) > PieceLength {
				layers[string(root)] = layer
			}
		}
		insert(tree, path, Dict{"": leaf})
	}
	return Dict{"name": name, "piece length": PieceLength, "meta version": 2, "file tree": tree}, layers
}

func insert(tree Dict, path string, entry Dict) {
	parts := strings.Split(path, "/")
	for _, dir := range parts[:len(parts)-1] {
		if tree[dir] == nil {
			tree[dir] = Dict{}
		}
		tree = tree[dir].(Dict)
	}
	tree[parts[len(parts)-1]] = entry
}

// merkle returns the root of a file's tree and its layer of piece hashes, in the form of `pieces
// root` and `piece layers` (BEP 52).
func merkle(data []byte) (root, layer []byte) {
	var leaves [][]byte
	for block := range slices.Chunk(data, blockSize) {
		leaves = append(leaves, hash(block))
	}
	zero := make([]byte, sha256.Size)
	if len(data) <= PieceLength {
		return up(leaves, zero, 0), nil
	}
	var pieces [][]byte
	for piece := range slices.Chunk(leaves, PieceLength/blockSize) {
		pieces = append(pieces, up(piece, zero, PieceLength/blockSize))
	}
	layer = slices.Concat(pieces...)
	return MerkleRoot(layer, PieceLength), layer
}

// MerkleRoot returns the root of the tree over layer, the concatenated 32-byte hashes of a file's
// pieces (BEP 52). Each piece has pieceLength bytes. With it a test can make a layer without a
// file.
func MerkleRoot(layer []byte, pieceLength int) []byte {
	zero := make([]byte, sha256.Size)
	pad := up([][]byte{zero}, zero, pieceLength/blockSize)
	return up(slices.Collect(slices.Chunk(layer, sha256.Size)), pad, 0)
}

// up returns the root over nodes, padded with pad to the next power of two that is at least
// width.
func up(nodes [][]byte, pad []byte, width int) []byte {
	size := 1
	for size < len(nodes) || size < width {
		size *= 2
	}
	nodes = slices.Clone(nodes)
	for len(nodes) < size {
		nodes = append(nodes, pad)
	}
	for len(nodes) > 1 {
		for i := range len(nodes) / 2 {
			nodes[i] = hash(nodes[2*i], nodes[2*i+1])
		}
		nodes = nodes[:len(nodes)/2]
	}
	return nodes[0]
}

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
