package metainfo

import (
	"iter"
	"slices"
)

// File is one file of a torrent. Its strings may hold any bytes; see the package documentation.
type File struct {
	// Path has the names of the directories and of the file, below the directory that
	// [Description.Name] names. In a torrent of one file it has one segment, the file's name. A
	// pad file may have no path.
	Path   []string
	Length int64  // bytes; 0 for a symbolic link
	Attr   string // BEP 47: any of p (pad), x (executable), h (hidden), l (link)
	Pad    bool   // fills the gap to the next piece; not to be stored
	// SymlinkPath is the target of a symbolic link, in the form of Path; nil otherwise.
	SymlinkPath []string
	// PiecesRoot is the root of the file's Merkle tree, 32 bytes, or nil for a
	// v1 torrent or an empty file. It shares the torrent's bytes.
	PiecesRoot []byte
	// Cut reports that the torrent has a longer text than this File: a text ends with [CutMark]
	// because it has more than [MaxText] bytes, or the last segment of a path is CutMark because
	// segments were omitted.
	Cut bool
}

// Files returns up to limit files from index start on; none if start is after the last one. A
// torrent has [Description.FileCount] files. Files returns fewer if their texts exceed 1 MiB
// together, but at least one. The files of a v2 or hybrid torrent are those of its `file tree`,
// which has no pad files. Those of a v1 torrent are those of `files` in their order, including
// pad files. It takes time in proportion to the torrent's size.
func (t *Torrent) Files(start, limit int) []File {
	if start < 0 || start >= t.fileCount || limit <= 0 {
		return nil
	}
	p := filePage{t: t, files: make([]File, 0, min(limit, t.fileCount-start)), left: maxPageTexts}
	switch {
	case t.tree.found():
		p.fillFromTree(start)
	case t.list.found():
		p.fillFromList(start)
	default:
		f, _ := readFields(t.b, t.info.start)
		e, _ := singleV1(t, f) // no error: parsing has read it
		p.add(e, func(yield func(span) bool) { yield(t.name) })
	}
	return p.files
}

// filePage collects files up to its capacity.
type filePage struct {
	t     *Torrent
	files []File
	left  int // bytes left for texts
}

func (p *filePage) full() bool { return len(p.files) == cap(p.files) || p.left <= 0 }

// fillFromTree adds files from index start on.
func (p *filePage) fillFromTree(start int) {
	w := newTreeFiles(p.t)
	for i := 0; !p.full(); i++ {
		e, _, _ := w.next() // neither end nor error: fileCount were read before
		if i >= start {
			p.add(e, slices.Values(w.parts()))
		}
	}
}

// fillFromList adds files from index start on.
func (p *filePage) fillFromList(start int) {
	w := newV1Files(p.t)
	for i := 0; !p.full(); i++ {
		e, _, _ := w.next() // neither end nor error: fileCount were read before
		if i >= start {
			p.add(e, p.t.strings(e.path))
		}
	}
}

// add adds the file of e, whose path has these segments.
func (p *filePage) add(e entry, path iter.Seq[span]) {
	x := texts{b: p.t.b}
	f := File{Length: e.length, Pad: e.pad, Attr: x.text(e.attr)}
	taken := -x.left
	f.Path = x.path(path)
	taken += maxPathTexts - x.left
	if e.symlink.found() {
		f.SymlinkPath = x.path(p.t.strings(e.symlink))
		taken += maxPathTexts - x.left
	}
	if e.root.found() {
		f.PiecesRoot = e.root.of(p.t.b)[:rootSize:rootSize]
	}
	f.Cut = x.cut
	p.files = append(p.files, f)
	p.left -= taken
}

// path copies the segments of a path as far as the bounds of texts allow.
func (x *texts) path(segments iter.Seq[span]) []string {
	x.left = maxPathTexts
	var path []string
	for segment := range segments {
		if !x.room() {
			return append(path, CutMark)
		}
		path = append(path, x.text(segment))
	}
	return path
}

// strings yields the contents of the strings of a list; nothing for the zero span.
func (t *Torrent) strings(list span) iter.Seq[span] {
	return func(yield func(span) bool) {
		if !list.found() {
			return
		}
		for part := range items(t.b, list) {
			if !yield(part.content(t.b)) {
				return
			}
		}
	}
}
