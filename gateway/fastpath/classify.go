package fastpath

// kind is what a header means to the fast path.
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

// named are the headers, in lower case, that are not ignored. Beside them stand
// all that begin with If- and Content-.
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

// classify returns what the header of that name, a token, means.
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

// tokenBytes marks the characters of a token (RFC 9110, section 5.6.2).
var tokenBytes = func() (set [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		set[c] = true
	}
	return set
}()

func isToken(b []byte) bool {
	for _, c := range b {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(b) > 0
}

// equalFold reports whether b is lower, which is lower-case ASCII, in any case.
func equalFold(b, lower []byte) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
