package metainfo

import "bytes"

// entry is one file as the info dictionary describes it.
type entry struct {
	at      int   // offset of its dictionary
	length  int64 // bytes; 0 for a symbolic link, even if the file gives a length
	attr    span  // content of the string `attr` (BEP 47), or zero
	pad     bool  // fills the gap to the next piece (BEP 47)
	path    span  // v1: the list of the path's segments, or zero; unused for v2
	symlink span  // the list `symlink path` of a symbolic link, or zero
	root    span  // v2: content of `pieces root`, 32 bytes if length > 0
}

// padMarker is in the names of pad files made by BitComet, which predate BEP 47 and have no
// `attr`.
var padMarker = []byte("_____padding_file_")

// readFields reads the dictionary of a file at an offset, and returns the offset after it.
func readFields(b []byte, at int) (f fields, end int) {
	pos := at + 1
	for b[pos] != 'e' {
		key, start := stringAt(b, pos)
		pos = skip(b, start)
		f.mark(key.of(b), span{start, pos})
	}
	return f, pos + 1
}

// readEntry reads the part common to v1 and v2 of a file's dictionary at an offset.
func readEntry(b []byte, at int, f fields) (entry, *Error) {
	e := entry{at: at}
	isLink := false
	if f.attr.isString(b) {
		e.attr = f.attr.content(b)
		isLink = bytes.IndexByte(e.attr.of(b), 'l') >= 0
		e.pad = bytes.IndexByte(e.attr.of(b), 'p') >= 0
	}
	if isLink {
		if !f.symlinkPath.is(b, 'l') {
			return e, nil
		}
		e.symlink = f.symlinkPath
		return e, checkStrings(b, e.symlink, "symlink path")
	}
	if !f.length.is(b, 'i') {
		return e, fail(at, "the file has no integer `length`")
	}
	n, ok := f.length.integer(b)
	if !ok || n < 0 || n > MaxFileLength {
		return e, fail(f.length.start, "`length` is not between 0 and %d", int64(MaxFileLength))
	}
	e.length = n
	return e, nil
}

// checkStrings checks that every part of the list is a string.
func checkStrings(b []byte, list span, name string) *Error {
	for part := range items(b, list) {
		if !part.isString(b) {
			return fail(part.start, "a part of `%s` is no string", name)
		}
	}
	return nil
}

// addLength adds n bytes to the total.
func addLength(total *int64, n int64, at int) *Error {
	if n > MaxTotalLength-*total {
		return fail(at, "the files up to this one are together longer than %d bytes", int64(MaxTotalLength))
	}
	*total += n
	return nil
}
