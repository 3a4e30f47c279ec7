package metainfo

import "fmt"

const (
	// maxIntegerDigits and maxLengthDigits are libtorrent's limits. They count leading zeros.
	maxIntegerDigits = 20
	maxLengthDigits  = 16
)

// container is the kind of an open list or dictionary. For a dictionary it also says whether a
// key or a value comes next.
type container byte

const (
	list container = iota
	dictKey
	dictValue
)

// scanner checks in one pass that the bytes are one well-formed dictionary
// within the limits, and marks the keys that the rules are about.
type scanner struct {
	b      []byte
	pos    int // offset of the next token
	tokens int
	depth  int                 // containers open
	open   [MaxDepth]container // the first depth of them
	// For the outer dictionary and a container within it: the key whose value
	// is being read and where that value begins.
	key   [2]span
	start [2]int
	marks
}

// scan reads the dictionary at the start of b.
func (s *scanner) scan() *Error {
	if err := s.checkStart(); err != nil {
		return err
	}
	for {
		if err := s.token(); err != nil {
			return err
		}
		if s.depth == 0 {
			return nil
		}
	}
}

func (s *scanner) checkStart() *Error {
	switch {
	case len(s.b) == 0:
		return fail(0, "the file is empty")
	case s.b[0] == '<':
		return fail(0, "this is a web page or XML, not a torrent")
	case s.b[0] != 'd':
		return fail(0, "a torrent begins with `d`, this file with %s", quote(s.b[0]))
	}
	return nil
}

// token reads one token.
func (s *scanner) token() *Error {
	if err := s.checkLimits(); err != nil {
		return err
	}
	s.tokens++
	start, c := s.pos, s.b[s.pos]
	switch wantKey := s.depth > 0 && s.open[s.depth-1] == dictKey; {
	case isDigit(c):
		content, err := s.readString()
		if err != nil {
			return err
		}
		if wantKey {
			return s.beginPair(content)
		}
	case c == 'e' && s.depth > 0:
		return s.closeContainer()
	case wantKey:
		return fail(start, "want a dictionary key, which is a string, or the end of the dictionary; found %s", quote(c))
	case c == 'i':
		if err := s.readInteger(); err != nil {
			return err
		}
	case c == 'd':
		s.openContainer(dictKey)
		return nil
	case c == 'l':
		s.openContainer(list)
		return nil
	default:
		return fail(start, "want a value: a digit, `i`, `l` or `d`; found %s", quote(c))
	}
	s.endValue(start)
	return nil
}

func (s *scanner) checkLimits() *Error {
	switch {
	case s.pos >= len(s.b):
		return fail(s.pos, "the file ends before its dictionary does; it is cut short")
	case s.depth >= MaxDepth:
		return fail(s.pos, "lists and dictionaries are nested %d deep, at most %d may be", s.depth, MaxDepth-1)
	case s.tokens >= MaxTokens:
		return fail(s.pos, "the file has more than %d values, keys and ends", MaxTokens)
	}
	return nil
}

// readString moves past the string at pos and returns its content.
func (s *scanner) readString() (span, *Error) {
	start, n := s.pos, 0
	for ; s.pos < len(s.b) && isDigit(s.b[s.pos]); s.pos++ {
		if s.pos-start == maxLengthDigits {
			return span{}, fail(start, "the length of a string has more than %d digits", maxLengthDigits)
		}
		n = n*10 + int(s.b[s.pos]-'0')
	}
	if s.pos == len(s.b) {
		return span{}, fail(s.pos, "the file ends within the length of a string; it is cut short")
	}
	if s.b[s.pos] != ':' {
		return span{}, fail(s.pos, "want `:` after the length of a string, found %s", quote(s.b[s.pos]))
	}
	s.pos++
	if left := len(s.b) - s.pos; n > left {
		return span{}, fail(start, "the string should be %d bytes long, the file ends after %d; it is cut short", n, left)
	}
	content := span{s.pos, s.pos + n}
	s.pos += n
	return content, nil
}

// readInteger moves past the integer at pos.
func (s *scanner) readInteger() *Error {
	start := s.pos
	s.pos++
	if s.pos < len(s.b) && s.b[s.pos] == '-' {
		s.pos++
	}
	first := s.pos
	for ; s.pos < len(s.b) && isDigit(s.b[s.pos]); s.pos++ {
		if s.pos-first == maxIntegerDigits {
			return fail(start, "the integer has more than %d digits", maxIntegerDigits)
		}
	}
	switch {
	case s.pos == len(s.b):
		return fail(s.pos, "the file ends within an integer; it is cut short")
	case s.pos == first:
		return fail(s.pos, "want a digit of an integer, found %s", quote(s.b[s.pos]))
	case s.b[s.pos] != 'e':
		return fail(s.pos, "want `e` at the end of an integer, found %s", quote(s.b[s.pos]))
	}
	s.pos++
	return nil
}

func (s *scanner) openContainer(kind container) {
	if 0 < s.depth && s.depth <= len(s.start) {
		s.start[s.depth-1] = s.pos
	}
	s.open[s.depth] = kind
	s.depth++
	s.pos++
}

func (s *scanner) closeContainer() *Error {
	if s.open[s.depth-1] == dictValue {
		return fail(s.pos, "the dictionary ends after a key, want the key's value")
	}
	s.pos++
	s.depth--
	start := 0
	if 0 < s.depth && s.depth <= len(s.start) {
		start = s.start[s.depth-1]
	}
	s.endValue(start)
	return nil
}

func (s *scanner) beginPair(key span) *Error {
	s.open[s.depth-1] = dictValue
	if s.depth > len(s.key) {
		return nil
	}
	s.key[s.depth-1] = key
	if s.depth == 1 && s.info.found() && string(key.of(s.b)) == "info" {
		return fail(key.start, "a second `info`: two programs could read two different torrents from this file")
	}
	return nil
}

// endValue records that a value ended at pos. Its start matters only in containers whose keys
// are marked.
func (s *scanner) endValue(start int) {
	if s.depth == 0 || s.open[s.depth-1] != dictValue {
		return
	}
	s.open[s.depth-1] = dictKey
	value := span{start, s.pos}
	switch {
	case s.depth == 1:
		s.markOuter(s.key[0].of(s.b), value)
	case s.depth == 2 && string(s.key[0].of(s.b)) == "info":
		s.markInfo(s.key[1].of(s.b), value)
	}
}

// quote returns one byte of the file in printable form.
func quote(c byte) string {
	if ' ' < c && c < 0x7f && c != '`' {
		return fmt.Sprintf("`%c`", c)
	}
	return fmt.Sprintf("the byte 0x%02x", c)
}
