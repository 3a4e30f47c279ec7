package fastpath

import "bytes"

// kind is the meaning of a header for the fast path.
type kind uint8

const (
	ignored          kind = iota
	special               // may change the answer: the ordinary way
	hostHeader            // Host
	connectionHeader      // Connection
	lengthHeader          // Content-Length
	browserHeader         // Sec-Fetch-Dest: a page may stand in place of a 404
	loopHeader            // CDN-Loop: special if another cache of this kind asks, which is no read
	framing               // frames the message in a way not followed here
)

// named has the headers, in lower case, that are not ignored. All headers that begin with If- or
// Content- are special, too.
var named = map[string]kind{
	"host":              hostHeader,
	"cdn-loop":          loopHeader,
	"connection":        connectionHeader,
	"content-length":    lengthHeader,
	"sec-fetch-dest":    browserHeader,
	"transfer-encoding": framing,
	"upgrade":           framing,

	"authorization":       special,
	"expect":              special,
	"http2-settings":      special,
	"proxy-authorization": special,
	"proxy-connection":    special,
	"range":               special,
	"trailer":             special,
}

// longestName is the length of the longest key of named.
const longestName = len("proxy-authorization")

// suspicious has the first letters of the names that are not ignored, in either case.
var suspicious = func() (set [256]bool) {
	mark := func(c byte) { set[c], set[c-'a'+'A'] = true, true }
	for name := range named {
		mark(name[0])
	}
	mark('i') // If-
	mark('c') // Content-
	return set
}()

// classify returns the kind of the header with that name, which is a token.
func classify(name []byte) kind {
	if !suspicious[name[0]] {
		return ignored
	}
	var lower [longestName]byte
	n := copy(lower[:], name)
	for i, c := range lower[:n] {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + ('a' - 'A')
		}
	}
	if len(name) <= longestName {
		if k, ok := named[string(lower[:n])]; ok {
			return k
		}
	}
	if string(lower[:3]) == "if-" || string(lower[:8]) == "content-" {
		return special
	}
	return ignored
}

// equalFold reports whether b is lower, which is lower-case ASCII, in any letter case. A character
// beyond ASCII cannot match: it takes more bytes.
func equalFold(b, lower []byte) bool { return len(b) == len(lower) && bytes.EqualFold(b, lower) }
