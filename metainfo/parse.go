package metainfo

// Parse reads a .torrent file. It keeps a reference to b, which must not change
// afterwards. It accepts white space after the outer dictionary and nothing
// else. The error is always an [*Error].
//
// Parse spends time and memory in proportion to len(b), whatever b holds: no
// more memory than len(b), b itself not counted. It does not limit len(b).
func Parse(b []byte) (*Torrent, error) {
	p := parser{Torrent: &Torrent{b: b}, scanner: scanner{b: b}}
	if err := p.parse(); err != nil {
		return nil, err
	}
	return p.Torrent, nil
}

// parser fills in a Torrent. The Torrent is valid once parse returned nil.
type parser struct {
	*Torrent
	scanner scanner
}

func (p *parser) parse() *Error {
	if err := p.scanner.scan(); err != nil {
		return err
	}
	if err := p.checkEnd(p.scanner.pos); err != nil {
		return err
	}
	m := &p.scanner.marks
	if !m.info.found() {
		return fail(0, "the torrent has no `info` dictionary")
	}
	if !m.info.is(p.b, 'd') {
		return fail(m.info.start, "`info` is no dictionary")
	}
	p.info = m.info
	if err := p.parseInfo(m); err != nil {
		return err
	}
	p.hash()
	return nil
}

// checkEnd refuses what follows the outer dictionary, unless it is the white
// space that text editors and old upload scripts leave.
func (p *parser) checkEnd(end int) *Error {
	for i, c := range p.b[end:] {
		switch c {
		case ' ', '\t', '\n', '\v', '\f', '\r':
		default:
			return fail(end+i, "the torrent is complete, yet more follows: %s", quote(c))
		}
	}
	return nil
}
