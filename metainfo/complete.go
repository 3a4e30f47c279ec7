package metainfo

import (
	"bytes"
	"slices"
	"strconv"
)

// Complete returns the bytes of the stored file, extended by the piece layers that it lacks and
// upload has. Both must have the same info dictionary. The layers were verified when upload was
// parsed, and only those of the torrent's files are taken. The stored file's other outer keys
// and its own layers stay unchanged. ok is false if there is nothing to add.
func Complete(stored, upload *Torrent) (merged []byte, ok bool) {
	if !stored.missingLayers || !upload.layers.found() ||
		!bytes.Equal(stored.info.of(stored.b), upload.info.of(upload.b)) {
		return nil, false
	}
	added := missingFrom(stored, upload)
	if len(added) == 0 {
		return nil, false
	}
	return insertLayers(stored, added), true
}

// rawPair is one encoded entry of a dictionary.
type rawPair struct{ key, encoded []byte }

// missingFrom returns the layers of upload that stored lacks, by their roots.
func missingFrom(stored, upload *Torrent) []rawPair {
	have := layerPairs(stored)
	offered := layerPairs(upload)
	var added []rawPair
	files := newTreeFiles(stored)
	for {
		e, ok, _ := files.next() // no error: parsing has walked the tree
		if !ok {
			return slices.CompactFunc(sortPairs(added), func(a, b rawPair) bool { return bytes.Equal(a.key, b.key) })
		}
		if e.length <= stored.pieceLength {
			continue
		}
		root := e.root.of(stored.b)
		if _, found := findPair(have, root); found {
			continue
		}
		if i, found := findPair(offered, root); found {
			added = append(added, offered[i])
		}
	}
}

// layerPairs returns the entries of `piece layers`, sorted.
func layerPairs(t *Torrent) []rawPair {
	if !t.layers.found() {
		return nil
	}
	var out []rawPair
	for key, value := range pairs(t.b, t.layers) {
		// Zeros before the key's length, if any, are left behind.
		start := key.start - len("32:")
		out = append(out, rawPair{key.of(t.b), t.b[start:value.end]})
	}
	return sortPairs(out)
}

func comparePairs(a, b rawPair) int { return bytes.Compare(a.key, b.key) }

// sortPairs sorts pairs and keeps the order of duplicates, since the first one counts.
func sortPairs(p []rawPair) []rawPair {
	slices.SortStableFunc(p, comparePairs)
	return p
}

func findPair(sorted []rawPair, key []byte) (int, bool) {
	return slices.BinarySearchFunc(sorted, rawPair{key: key}, comparePairs)
}

// insertLayers returns the stored file with the added layers.
func insertLayers(stored *Torrent, added []rawPair) []byte {
	const key = "piece layers"
	at, end := layersPlace(stored, key)
	entries := sortPairs(append(layerPairs(stored), added...))
	size := len(stored.b) + len(key) + len("12:de")
	for _, e := range added {
		size += len(e.encoded)
	}
	out := make([]byte, 0, size)
	out = append(out, stored.b[:at]...)
	out = append(strconv.AppendInt(out, int64(len(key)), 10), ':')
	out = append(append(out, key...), 'd')
	for _, e := range entries {
		out = append(out, e.encoded...)
	}
	out = append(out, 'e')
	return append(out, stored.b[end:]...)
}

// layersPlace returns the range of the stored file to replace: its `piece layers`, key and
// value, or, if it has none, the empty range before the first key that sorts after it.
func layersPlace(t *Torrent, name string) (start, end int) {
	b := t.b
	place := 0
	pos := 1
	for ; b[pos] != 'e'; pos = skip(b, pos) {
		keyStart := pos
		var key span
		key, pos = stringAt(b, pos)
		switch order := bytes.Compare(key.of(b), []byte(name)); {
		case order == 0:
			return keyStart, skip(b, pos)
		case order > 0 && place == 0:
			place = keyStart
		}
	}
	if place == 0 {
		place = pos
	}
	return place, place
}
