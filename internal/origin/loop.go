package origin

import "strings"

// LoopHeader is the header, and in lower case the gRPC metadata, in which caches that ask
// others name themselves (RFC 8586), and LoopMark is the name of every server of this kind.
const (
	LoopHeader = "CDN-Loop"
	LoopMark   = "torrentcache"
)

// Looped reports whether a request with these values of [LoopHeader] comes from a server of
// this kind, which has asked itself already. What else they say does not matter.
func Looped(values []string) bool {
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			id, _, _ := strings.Cut(item, ";") // RFC 8586, section 2: parameters follow the name
			if strings.EqualFold(strings.Trim(id, " \t"), LoopMark) {
				return true
			}
		}
	}
	return false
}
