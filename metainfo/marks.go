package metainfo

// marks are the positions of the keys that the rules need, as scan found them. An absent key has
// the zero span. The first of duplicate keys is marked.
type marks struct {
	info         span // outer dictionary
	layers       span
	secondLayers int // offset of a second `piece layers`, or 0

	name, nameUTF8 span // info dictionary
	pieceLength    span
	pieces         span
	metaVersion    span
	private        span
	files          span
	tree           span
	single         fields // of the file, if `files` and `file tree` are absent
}

// fields are the keys of a dictionary about one file.
type fields struct {
	length, attr, path, pathUTF8, symlinkPath, root span
}

func (m *marks) markOuter(key []byte, value span) {
	switch string(key) {
	case "info":
		m.info.first(value)
	case "piece layers":
		if m.layers.found() && m.secondLayers == 0 {
			m.secondLayers = value.start
		}
		m.layers.first(value)
	}
}

func (m *marks) markInfo(key []byte, value span) {
	switch string(key) {
	case "name":
		m.name.first(value)
	case "name.utf-8":
		m.nameUTF8.first(value)
	case "piece length":
		m.pieceLength.first(value)
	case "pieces":
		m.pieces.first(value)
	case "meta version":
		m.metaVersion.first(value)
	case "private":
		m.private.first(value)
	case "files":
		m.files.first(value)
	case "file tree":
		m.tree.first(value)
	default:
		m.single.mark(key, value)
	}
}

func (f *fields) mark(key []byte, value span) {
	switch string(key) {
	case "length":
		f.length.first(value)
	case "attr":
		f.attr.first(value)
	case "path":
		f.path.first(value)
	case "path.utf-8":
		f.pathUTF8.first(value)
	case "symlink path":
		f.symlinkPath.first(value)
	case "pieces root":
		f.root.first(value)
	}
}
