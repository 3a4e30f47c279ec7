package metainfo

const rootSize = 32 // bytes of a SHA-256

// parseV2 checks a torrent of `meta version` 2: its tree and its piece layers. If the torrent
// also has v1 keys, parseV2 checks that both describe the same files.
func (p *parser) parseV2(m *marks) *Error {
	if !m.tree.is(p.b, 'd') {
		return fail(p.info.start, "`meta version` is 2, yet `info` has no dictionary `file tree`")
	}
	p.tree = m.tree
	layers, err := p.indexLayers(m)
	if err != nil {
		return err
	}
	tree, err := p.walkTree(layers)
	if err != nil {
		return err
	}
	if !p.list.found() && !m.single.length.found() {
		p.fileCount, p.paddedSize, p.totalSize = tree.files, tree.padded, tree.total
		return nil
	}
	return p.parseHybrid(m, tree)
}

// treeSizes are the totals of a tree, in which every file begins at a piece.
type treeSizes struct {
	sizes
	pads    int   // gaps between the end of a file and the end of its last piece
	tailGap int64 // bytes of such a gap after the last file with content, or 0
}

// walkTree checks the `file tree` and the layers of its files.
func (p *parser) walkTree(layers *layerIndex) (treeSizes, *Error) {
	var s treeSizes
	files := newTreeFiles(p.Torrent)
	for {
		e, ok, err := files.next()
		if err != nil {
			return s, err
		}
		if !ok {
			break
		}
		if err := s.addFile(e, p.pieceLength); err != nil {
			return s, err
		}
		if e.length > p.pieceLength {
			if err := p.checkLayer(layers, e); err != nil {
				return s, err
			}
		}
	}
	if s.files == 0 {
		return s, fail(p.tree.start, "`file tree` has no files")
	}
	return s, nil
}

func (s *treeSizes) addFile(e entry, pieceLength int64) *Error {
	if err := s.add(e); err != nil {
		return err
	}
	gap := gapAfter(s.padded, pieceLength)
	if gap > 0 {
		s.pads++
	}
	if e.length > 0 {
		s.tailGap = gap
	}
	return addLength(&s.padded, gap, e.at)
}

// gapAfter returns the number of bytes between the offset and the next piece.
func gapAfter(offset, pieceLength int64) int64 {
	return (pieceLength - offset%pieceLength) % pieceLength
}

// treeFiles walks the `file tree` (BEP 52) in the order of its keys. On a tree that parsing has
// walked to its end it returns no error.
type treeFiles struct {
	b     []byte
	pos   int            // offset of the next key, or of the directory's end
	depth int            // directories open below the root
	path  [MaxDepth]span // the names of those, then of the last file returned
}

func newTreeFiles(t *Torrent) *treeFiles {
	return &treeFiles{b: t.b, pos: t.tree.start + 1}
}

// parts returns the path of the last file returned by next; the following call of next
// overwrites it.
func (w *treeFiles) parts() []span { return w.path[:w.depth+1] }

func (w *treeFiles) next() (e entry, ok bool, err *Error) {
	for {
		if w.b[w.pos] == 'e' {
			if w.depth == 0 {
				return e, false, nil
			}
			w.depth--
			w.pos++
			continue
		}
		name, at := stringAt(w.b, w.pos)
		if name.len() == 0 {
			return e, false, fail(w.pos, "a name in `file tree` is empty")
		}
		if w.b[at] != 'd' {
			return e, false, fail(at, "an entry of `file tree` is no dictionary")
		}
		w.path[w.depth] = name
		if leaf := w.leafIn(at); leaf.found() {
			w.pos = leaf.end + 1
			e, err = readLeaf(w.b, leaf)
			return e, err == nil, err
		}
		w.depth++
		w.pos = at + 1
	}
}

// leafIn returns the description of a file if the dictionary at the offset has the empty key and
// no other. Otherwise the dictionary is a directory.
func (w *treeFiles) leafIn(at int) span {
	if w.b[at+1] == 'e' {
		return span{}
	}
	key, start := stringAt(w.b, at+1)
	if key.len() > 0 {
		return span{}
	}
	leaf := span{start, skip(w.b, start)}
	if w.b[leaf.end] != 'e' {
		return span{}
	}
	return leaf
}

func readLeaf(b []byte, leaf span) (entry, *Error) {
	if !leaf.is(b, 'd') {
		return entry{}, fail(leaf.start, "a file in `file tree` is no dictionary")
	}
	f, _ := readFields(b, leaf.start)
	e, err := readEntry(b, leaf.start, f)
	if err != nil {
		return e, err
	}
	if e.pad {
		return e, fail(f.attr.start, "a file in `file tree` is marked as a pad file, which v2 has no use for")
	}
	if e.length == 0 {
		return e, nil
	}
	if !f.root.isString(b) || f.root.content(b).len() != rootSize {
		return e, fail(leaf.start, "the file has no `pieces root` of %d bytes", rootSize)
	}
	e.root = f.root.content(b)
	if isZero(e.root.of(b)) {
		return e, fail(f.root.start, "`pieces root` is all zeros")
	}
	return e, nil
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
