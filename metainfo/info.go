package metainfo

// parseInfo checks the info dictionary, and `piece layers`, which depend on it.
func (p *parser) parseInfo(m *marks) *Error {
	v2, err := p.checkVersion(m)
	if err != nil {
		return err
	}
	if err := p.parseCommon(m, v2); err != nil {
		return err
	}
	if !v2 {
		if m.tree.is(p.b, 'd') {
			return fail(m.tree.start, "`file tree` needs `meta version` 2")
		}
		if _, err := p.parseV1(m); err != nil {
			return err
		}
		return p.checkPieces(m, true)
	}
	if err := p.parseV2(m); err != nil {
		return err
	}
	return p.checkPieces(m, false)
}

// checkVersion reads `meta version` (BEP 52). If it is absent, not an integer or below 1, it
// means v1, as 1 does. From 1 on the info dictionary must be canonical.
func (p *parser) checkVersion(m *marks) (v2 bool, err *Error) {
	if !m.metaVersion.is(p.b, 'i') {
		return false, nil
	}
	version, ok := m.metaVersion.integer(p.b)
	if !ok || version > 2 {
		return false, fail(m.metaVersion.start, "`meta version` is not 1 or 2; later versions are not known yet")
	}
	if version > 0 {
		if err := checkCanonical(p.b, m.info); err != nil {
			return false, err
		}
	}
	return version == 2, nil
}

// parseCommon reads the keys common to v1 and v2.
func (p *parser) parseCommon(m *marks, v2 bool) *Error {
	if err := p.parsePieceLength(m, v2); err != nil {
		return err
	}
	name := m.nameUTF8
	if !name.isString(p.b) {
		name = m.name
	}
	if !name.isString(p.b) {
		return fail(m.info.start, "`info` has no string `name`")
	}
	p.name = name.content(p.b)
	if m.files.is(p.b, 'l') {
		p.list = m.files
	}
	if m.private.is(p.b, 'i') {
		n, ok := m.private.integer(p.b)
		p.private = n != 0 || !ok
	}
	return nil
}

func (p *parser) parsePieceLength(m *marks, v2 bool) *Error {
	if !m.pieceLength.is(p.b, 'i') {
		return fail(m.info.start, "`info` has no integer `piece length`")
	}
	n, ok := m.pieceLength.integer(p.b)
	if !ok || n <= 0 || n > MaxPieceLength {
		return fail(m.pieceLength.start, "`piece length` is not between 1 and %d", MaxPieceLength)
	}
	if v2 && (n < blockSize || n&(n-1) != 0) {
		return fail(m.pieceLength.start, "`piece length` of a v2 torrent is %d, want a power of two of at least %d", n, blockSize)
	}
	p.pieceLength = n
	return nil
}

// checkPieces checks the number of pieces, and `pieces`, which has a SHA-1 hash for each piece. A
// v2 or hybrid torrent may lack `pieces`.
func (p *parser) checkPieces(m *marks, required bool) *Error {
	if p.paddedSize == 0 {
		return fail(m.info.start, "the torrent has no content: all its files together are 0 bytes long")
	}
	count := p.pieceCount()
	if count > MaxPieces {
		return fail(m.pieceLength.start, "the torrent has %d pieces, at most %d may be; make `piece length` greater", count, MaxPieces)
	}
	if !m.pieces.isString(p.b) {
		if required {
			return fail(m.info.start, "`info` has no string `pieces`")
		}
		return nil
	}
	const hashSize = 20
	if n := m.pieces.content(p.b).len(); int64(n) != hashSize*count {
		return fail(m.pieces.start, "`pieces` is %d bytes long, want %d bytes for each of the %d pieces, %d",
			n, hashSize, count, hashSize*count)
	}
	return nil
}
