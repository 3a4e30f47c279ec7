package metainfo

// afterValue is what a container expects after a key or a value of it.
var afterValue = [...]container{list: list, dictKey: dictValue, dictValue: dictKey}

// skim moves over tokens within containers whose keys are not marked, which is most
// of a torrent with many files: it does what token does, in fewer steps. It stops
// before the first token that it cannot judge, which may be a wrong one, and token
// says what is the matter with it.
//
// It says at a container's begin what follows its end, token at the end. That goes
// together: below a marked container every container is begun and ended here.
func (s *scanner) skim() {
	b, pos, depth, tokens := s.b, s.pos, s.depth, s.tokens
	for depth > len(s.key) && depth < MaxDepth && tokens < MaxTokens && pos < len(b) {
		inside, c, end := s.open[depth-1], b[pos], 0
		switch {
		case isDigit(c):
			if end = endOfString(b, pos); end != 0 {
				s.open[depth-1] = afterValue[inside]
			}
		case inside == dictKey && c != 'e':
		case c == 'i':
			if end = endOfInteger(b, pos); end != 0 {
				s.open[depth-1] = afterValue[inside]
			}
		case c == 'd', c == 'l':
			s.open[depth-1] = afterValue[inside] // for when it is closed
			s.open[depth] = list
			if c == 'd' {
				s.open[depth] = dictKey
			}
			depth++
			end = pos + 1
		case c == 'e' && inside != dictValue && depth > len(s.key)+1:
			depth--
			end = pos + 1
		}
		if end == 0 {
			break
		}
		pos = end
		tokens++
	}
	s.pos, s.depth, s.tokens = pos, depth, tokens
}

// endOfString returns the offset behind the string at pos, 0 if it is none or has
// a length of many digits.
func endOfString(b []byte, pos int) int {
	const manyDigits = 9 // far from an overflow
	n, at := 0, pos
	for ; at < len(b) && isDigit(b[at]); at++ {
		n = n*10 + int(b[at]-'0')
	}
	if at == len(b) || b[at] != ':' || at-pos > manyDigits || n >= len(b)-at {
		return 0
	}
	return at + 1 + n
}

// endOfInteger returns the offset behind the integer at pos, 0 if it is none, is
// negative, or has too many digits.
func endOfInteger(b []byte, pos int) int {
	at := pos + 1
	for at < len(b) && isDigit(b[at]) {
		at++
	}
	if digits := at - pos - 1; at == len(b) || b[at] != 'e' || digits == 0 || digits > maxIntegerDigits {
		return 0
	}
	return at + 1
}
