package metainfo

import (
	"crypto/sha256"
	"math/bits"
)

type digest = [sha256.Size]byte

// layerRoot returns the root of the Merkle tree (BEP 52) of which layer, a
// whole number of digests and at least one, holds the hashes of the pieces. pad
// is what stands for a piece beyond the end of the file.
func layerRoot(layer []byte, pad digest) digest {
	// subtree[i] is the root over 2^i pieces; those whose bit in count is set
	// wait for their right sibling.
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
	var node digest // the root over what remains at the right edge
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

// padDigest returns what stands for a missing piece: the root over leaves of
// zeros, as many as a piece has blocks.
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
