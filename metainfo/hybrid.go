package metainfo

import "bytes"

// parseHybrid checks that the v1 description of a v2 torrent describes the same files as its
// tree (BEP 52), and uses its sizes for the torrent.
func (p *parser) parseHybrid(m *marks, tree treeSizes) *Error {
	v1, err := p.parseV1(m)
	if err != nil {
		return err
	}
	p.fileCount = tree.files
	c := comparison{t: p.Torrent, tree: paddedTree{files: newTreeFiles(p.Torrent), pieceLength: p.pieceLength}}
	entries := tree.files + tree.pads
	padded := tree.padded
	if tree.tailGap > 0 && entries == v1.files+1 {
		// Older hybrid torrents, libtorrent's before 2.0.8 among them, have no
		// pad file after the last file.
		c.tree.skipPad = tree.pads
		entries--
		padded -= tree.tailGap
	}
	if entries != v1.files || padded != v1.padded {
		return c.differ(p.info.start, 0)
	}
	if !p.list.found() {
		return c.compareSingle(m.single)
	}
	return c.compareList()
}

// comparison walks both descriptions of a hybrid torrent's files in parallel. Files with content
// must agree in position, offset, length and path. Pads, empty files and symbolic links must
// only be in the same positions.
type comparison struct {
	t      *Torrent
	tree   paddedTree
	offset int64 // of the next v1 file
}

func (c *comparison) differ(at, file int) *Error {
	if file == 0 {
		return fail(at, "the files that v1 and v2 describe differ in number or total length")
	}
	return fail(at, "the files that v1 and v2 describe differ at file %d of v1", file)
}

func (c *comparison) compareSingle(f fields) *Error {
	e, err := singleV1(c.t, f)
	if err != nil {
		return err
	}
	return c.compare(e, 1, c.isOnlyFile)
}

// isOnlyFile reports whether the tree has one entry, which is the file, with the name of the
// torrent. In a larger tree the torrent's name is that of a directory.
func (c *comparison) isOnlyFile() bool {
	b, w := c.t.b, c.tree.files
	name, value := stringAt(b, c.t.tree.start+1)
	return b[skip(b, value)] == 'e' && len(w.parts()) == 1 && bytes.Equal(name.of(b), c.t.name.of(b))
}

func (c *comparison) compareList() *Error {
	list := newV1Files(c.t)
	for n := 1; ; n++ {
		e, ok, err := list.next()
		if err != nil || !ok {
			return err
		}
		if err := c.compare(e, n, func() bool { return samePath(c.t.b, e.path, c.tree.files.parts()) }); err != nil {
			return err
		}
	}
}

// compare compares the n-th v1 file with the next one of the tree. Neither list can end first,
// because their lengths were compared before.
func (c *comparison) compare(v1 entry, n int, samePath func() bool) *Error {
	offset := c.tree.offset
	v2 := c.tree.next()
	counts := !v1.pad && v1.length > 0
	if counts != (!v2.pad && v2.length > 0) {
		return c.differ(v1.at, n)
	}
	if counts && (v1.length != v2.length || c.offset != offset || !samePath()) {
		return c.differ(v1.at, n)
	}
	c.offset += v1.length
	return nil
}

func samePath(b []byte, list span, parts []span) bool {
	i := 0
	for part := range items(b, list) {
		if i == len(parts) || !bytes.Equal(part.content(b).of(b), parts[i].of(b)) {
			return false
		}
		i++
	}
	return i == len(parts)
}

// paddedTree walks a tree that parsing has walked, and adds the pads that a v1 torrent must have
// between its files.
type paddedTree struct {
	files       *treeFiles
	pieceLength int64
	offset      int64 // of the next entry
	pads        int   // seen so far
	skipPad     int   // number of the pad to leave out, counted from 1, or 0
}

func (p *paddedTree) next() entry {
	if gap := gapAfter(p.offset, p.pieceLength); gap > 0 && p.pads+1 != p.skipPad {
		p.pads++
		p.offset += gap
		return entry{pad: true, length: gap}
	}
	e, _, _ := p.files.next() // no error: the tree was walked before
	p.offset += e.length
	return e
}
