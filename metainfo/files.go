package metainfo

// File is one file of a torrent. Its strings may hold any bytes; see the
// package's comment.
type File struct {
	// Path has the names of the directories and of the file, below the
	// directory that [Description.Name] names. A torrent of one file has one
	// part, the file's name. A pad file may have none.
	Path   []string
	Length int64  // bytes; 0 for a symbolic link
	Attr   string // BEP 47: any of p (pad), x (executable), h (hidden), l (link)
	Pad    bool   // fills the gap to the next piece and is not to be kept
	// SymlinkPath is where a symbolic link points, like Path; nil otherwise.
	SymlinkPath []string
	// PiecesRoot is the root of the file's Merkle tree, 32 bytes, or nil for a
	// v1 torrent or an empty file. It shares the torrent's bytes.
	PiecesRoot []byte
}

// Files returns up to limit files from index start on; none if start is behind
// the last one. There are [Description.FileCount] of them. A v2 or hybrid
// torrent's are those of its `file tree`, which has no pad files; a v1
// torrent's are those of `files` in their order, pad files included. It takes
// time in proportion to the torrent's size.
func (t *Torrent) Files(start, limit int) []File {
	if start < 0 || start >= t.fileCount || limit <= 0 {
		return nil
	}
	files := make([]File, 0, min(limit, t.fileCount-start))
	switch {
	case t.tree.found():
		return t.treePage(files, start)
	case t.list.found():
		return t.listPage(files, start)
	}
	f, _ := readFields(t.b, t.info.start)
	e, _ := singleV1(t, f) // no error: it was read before
	return append(files, t.file(e, []string{string(t.name.of(t.b))}))
}

// treePage fills files, up to its capacity, from index start on.
func (t *Torrent) treePage(files []File, start int) []File {
	w := newTreeFiles(t)
	for i := 0; len(files) < cap(files); i++ {
		e, _, _ := w.next() // neither end nor error: fileCount were read before
		if i < start {
			continue
		}
		path := make([]string, 0, len(w.parts()))
		for _, part := range w.parts() {
			path = append(path, string(part.of(t.b)))
		}
		files = append(files, t.file(e, path))
	}
	return files
}

// listPage fills files, up to its capacity, from index start on.
func (t *Torrent) listPage(files []File, start int) []File {
	w := newV1Files(t)
	for i := 0; len(files) < cap(files); i++ {
		e, _, _ := w.next() // neither end nor error: fileCount were read before
		if i >= start {
			files = append(files, t.file(e, t.strings(e.path)))
		}
	}
	return files
}

func (t *Torrent) file(e entry, path []string) File {
	f := File{
		Path:        path,
		Length:      e.length,
		Attr:        string(e.attr.of(t.b)),
		Pad:         e.pad,
		SymlinkPath: t.strings(e.symlink),
	}
	if e.root.found() {
		f.PiecesRoot = e.root.of(t.b)[:rootSize:rootSize]
	}
	return f
}

// strings returns the strings of a list, or nil for the zero span.
func (t *Torrent) strings(list span) []string {
	if !list.found() {
		return nil
	}
	var out []string
	for part := range items(t.b, list) {
		out = append(out, string(part.content(t.b).of(t.b)))
	}
	return out
}
