package metainfo

import "bytes"

// sizes are the totals of one description of the files.
type sizes struct {
	files  int   // entries
	padded int64 // bytes, pad files included
	total  int64 // bytes without pad files
}

// parseV1 checks the files as BEP 3 describes them, either by `files` or by the `length` of one
// file, and uses their sizes for the torrent.
func (p *parser) parseV1(m *marks) (sizes, *Error) {
	s, err := p.walkV1(m)
	if err != nil {
		return s, err
	}
	p.fileCount, p.paddedSize, p.totalSize = s.files, s.padded, s.total
	return s, nil
}

func (p *parser) walkV1(m *marks) (sizes, *Error) {
	if !p.list.found() {
		return p.sizeSingle(m.single)
	}
	var s sizes
	files := newV1Files(p.Torrent)
	for {
		e, ok, err := files.next()
		if err != nil {
			return s, err
		}
		if !ok {
			break
		}
		if err := s.add(e); err != nil {
			return s, err
		}
	}
	if s.files == 0 {
		return s, fail(p.list.start, "`files` is empty")
	}
	return s, nil
}

func (s *sizes) add(e entry) *Error {
	s.files++
	if !e.pad {
		s.total += e.length // cannot overflow: padded is never less
	}
	return addLength(&s.padded, e.length, e.at)
}

// sizeSingle checks the file of a single-file torrent, which has the torrent's `name`.
func (p *parser) sizeSingle(f fields) (sizes, *Error) {
	var s sizes
	if p.name.len() == 0 {
		return s, fail(p.info.start, "`name`, which is the name of the file, is empty")
	}
	e, err := singleV1(p.Torrent, f)
	if err != nil {
		return s, err
	}
	return s, s.add(e)
}

func singleV1(t *Torrent, f fields) (entry, *Error) {
	e, err := readEntry(t.b, t.info.start, f)
	e.pad = e.pad || bytes.Contains(t.name.of(t.b), padMarker)
	return e, err
}

// v1Files walks the list `files`. On a list that parsing has walked to its end it returns no
// error.
type v1Files struct {
	b       []byte
	pos     int  // offset of the next entry, or of the list's end
	allPads bool // the torrent's name, part of every path, marks pad files
}

func newV1Files(t *Torrent) v1Files {
	return v1Files{b: t.b, pos: t.list.start + 1, allPads: bytes.Contains(t.name.of(t.b), padMarker)}
}

func (w *v1Files) next() (e entry, ok bool, err *Error) {
	at := w.pos
	switch w.b[at] {
	case 'e':
		return e, false, nil
	case 'd':
	default:
		return e, false, fail(at, "an entry of `files` is no dictionary")
	}
	f, end := readFields(w.b, at)
	w.pos = end
	if e, err = readEntry(w.b, at, f); err != nil {
		return e, false, err
	}
	if err = w.readPath(&e, f); err != nil {
		return e, false, err
	}
	return e, true, nil
}

// readPath reads `path.utf-8`, else `path`. Only a pad file may lack both.
func (w *v1Files) readPath(e *entry, f fields) *Error {
	e.path = f.pathUTF8
	if !e.path.is(w.b, 'l') {
		e.path = f.path
	}
	if !e.path.is(w.b, 'l') || w.b[e.path.start+1] == 'e' {
		if e.path = (span{}); e.pad {
			return nil
		}
		return fail(e.at, "the file has no `path` with at least one part")
	}
	e.pad = e.pad || w.allPads || bytes.Contains(e.path.of(w.b), padMarker)
	return checkStrings(w.b, e.path, "path")
}
