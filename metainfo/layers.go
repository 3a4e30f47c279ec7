package metainfo

import (
	"bytes"
	"crypto/sha256"
	"math/bits"
	"slices"
	"sort"
)

// layerIndex finds an entry of `piece layers` by its key, the root of a file.
type layerIndex struct {
	b       []byte
	entries []layer // sorted by key
	pad     digest  // stands for a piece beyond the end of a file
}

// layer is one entry of `piece layers`.
type layer struct {
	key    int   // offset of the 32 bytes of the root; the hashes follow them
	pieces int64 // number of pieces it was verified for, 0 before
}

// indexLayers checks the form of `piece layers`. If the key is absent or has another type, the
// index is empty.
func (p *parser) indexLayers(m *marks) (*layerIndex, *Error) {
	if m.secondLayers > 0 {
		return nil, fail(m.secondLayers, "a second `piece layers`: two programs could read different hashes from this file")
	}
	x := &layerIndex{b: p.b, pad: padDigest(p.pieceLength)}
	if !m.layers.is(p.b, 'd') {
		return x, nil
	}
	p.layers = m.layers
	n := 0
	for key, value := range pairs(p.b, m.layers) {
		if key.len() != rootSize || !value.isString(p.b) || value.content(p.b).len()%rootSize != 0 {
			return nil, fail(key.start, "an entry of `piece layers` is not a root of %d bytes with a string of hashes, %[1]d bytes each", rootSize)
		}
		n++
	}
	x.entries = make([]layer, 0, n)
	for key := range pairs(p.b, m.layers) {
		x.entries = append(x.entries, layer{key: key.start})
	}
	slices.SortFunc(x.entries, func(a, b layer) int { return bytes.Compare(x.root(a), x.root(b)) })
	return x, nil
}

func (x *layerIndex) root(l layer) []byte { return x.b[l.key : l.key+rootSize] }

// find returns the entries of the root: none, one, or more if the key repeats.
func (x *layerIndex) find(root []byte) []layer {
	n := len(x.entries)
	from := sort.Search(n, func(i int) bool { return bytes.Compare(x.root(x.entries[i]), root) >= 0 })
	to := from
	for to < n && bytes.Equal(x.root(x.entries[to]), root) {
		to++
	}
	return x.entries[from:to]
}

// checkLayer verifies the layer of a file longer than a piece against its root, or records that
// the layer is missing.
func (p *parser) checkLayer(x *layerIndex, e entry) *Error {
	found := x.find(e.root.of(p.b))
	if len(found) == 0 {
		p.missingLayers = true
	}
	for i := range found {
		if err := x.verify(&found[i], ceilDiv(e.length, p.pieceLength)); err != nil {
			return err
		}
	}
	return nil
}

// verify checks a layer once, however many files share it.
func (x *layerIndex) verify(l *layer, pieces int64) *Error {
	if l.pieces == pieces {
		return nil
	}
	hashes, _ := stringAt(x.b, l.key+rootSize)
	if int64(hashes.len()) != rootSize*pieces {
		return fail(hashes.start, "the piece layer is %d bytes long, want %d bytes for each of the file's %d pieces, %d",
			hashes.len(), rootSize, pieces, rootSize*pieces)
	}
	root := layerRoot(hashes.of(x.b), x.pad)
	if !bytes.Equal(root[:], x.root(*l)) {
		return fail(hashes.start, "the piece layer does not hash to the file's `pieces root`")
	}
	l.pieces = pieces
	return nil
}

type digest = [sha256.Size]byte

// layerRoot returns the root of the Merkle tree (BEP 52) over layer, the concatenated hashes of
// the pieces, at least one. pad is the hash of a piece beyond the end of the file.
func layerRoot(layer []byte, pad digest) digest {
	// subtree[i] is the root over 2^i pieces. Subtrees whose bit in count is set wait for their
	// right sibling.
	var subtree [64]digest
	count := uint(0)
	for ; len(layer) > 0; layer = layer[sha256.Size:] {
		node := digest(layer)
		height := bits.TrailingZeros(^count)
		for _, left := range subtree[:height] {
			node = pairHash(left, node)
		}
		subtree[height] = node
		count++
	}
	return foldUp(&subtree, count, pad)
}

// foldUp fills the tree with pads up to the next power of two.
func foldUp(subtree *[64]digest, count uint, pad digest) digest {
	top := bits.Len(count - 1)
	if count == 1<<top {
		return subtree[top]
	}
	var node digest // the root over the subtrees merged so far, at the right edge
	started := false
	for height := range top {
		waits := count>>height&1 == 1
		switch {
		case waits && started:
			node = pairHash(subtree[height], node)
		case waits:
			node, started = pairHash(subtree[height], pad), true
		case started:
			node = pairHash(node, pad)
		}
		pad = pairHash(pad, pad)
	}
	return node
}

// padDigest returns the hash of a missing piece: the root over leaves of zeros, as many as a
// piece has blocks.
func padDigest(pieceLength int64) digest {
	var pad digest
	for n := pieceLength; n > blockSize; n /= 2 {
		pad = pairHash(pad, pad)
	}
	return pad
}

func pairHash(left, right digest) digest {
	var both [2 * sha256.Size]byte
	copy(both[:], left[:])
	copy(both[sha256.Size:], right[:])
	return sha256.Sum256(both[:])
}
