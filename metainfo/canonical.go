package metainfo

import "bytes"

// checkCanonical checks that the info dictionary is in canonical form, which BEP 52 requires of
// v2 torrents: keys are sorted and unique, integers and lengths of strings have no leading
// zeros.
func checkCanonical(b []byte, info span) *Error {
	var (
		open  [MaxDepth]container
		last  [MaxDepth]span // the last key read, zero before the first
		depth int
	)
	for pos := info.start; pos < info.end; {
		at := pos
		isKey := depth > 0 && open[depth-1] == dictKey
		if depth > 0 && b[at] != 'e' && open[depth-1] != list {
			open[depth-1] ^= dictKey ^ dictValue // a key follows a value and so on
		}
		switch b[pos] {
		case 'd':
			open[depth], last[depth] = dictKey, span{}
			depth++
			pos++
		case 'l':
			open[depth] = list
			depth++
			pos++
		case 'e':
			depth--
			pos++
		case 'i':
			pos = skip(b, pos)
			if err := checkDigits(b[at+1:pos-1], at); err != nil {
				return err
			}
		default:
			var content span
			content, pos = stringAt(b, pos)
			if b[at] == '0' && b[at+1] != ':' {
				return fail(at, "the length of the string has leading zeros, which a v2 torrent may not have")
			}
			if isKey {
				if err := checkOrder(b, last[depth-1], content, at); err != nil {
					return err
				}
				last[depth-1] = content
			}
		}
	}
	return nil
}

// checkDigits checks the digits of an integer, including its sign.
func checkDigits(digits []byte, at int) *Error {
	if digits[0] == '0' && len(digits) > 1 || digits[0] == '-' && digits[1] == '0' {
		return fail(at, "the integer has leading zeros or is minus zero, which a v2 torrent may not have")
	}
	return nil
}

func checkOrder(b []byte, last, key span, at int) *Error {
	if !last.found() {
		return nil
	}
	switch order := bytes.Compare(last.of(b), key.of(b)); {
	case order == 0:
		return fail(at, "the dictionary has this key twice, which a v2 torrent may not have")
	case order > 0:
		return fail(at, "the key should stand before the one before it: the keys of a v2 torrent are sorted")
	}
	return nil
}
