package metainfo

import (
	"net/url"
	"strconv"
	"strings"
)

// A magnet link is for people to pass on, and browsers and chats cut long ones:
// of the trackers and web seeds it takes the first few, up to a length in
// bytes.
const (
	maxMagnetURLs   = 20
	maxMagnetLength = 4096
)

// magnet returns the link of BEP 9 and BEP 52. d has all but the link.
func (t *Torrent) magnet(d Description) string {
	var link strings.Builder
	link.WriteString(t.ids.Magnet())
	link.WriteString("&dn=" + escape(d.Name))
	link.WriteString("&xl=" + strconv.FormatInt(t.totalSize, 10))
	var trackers []string
	for _, tier := range d.Trackers {
		trackers = append(trackers, tier...)
	}
	addURLs(&link, "&tr=", trackers)
	addURLs(&link, "&ws=", d.WebSeeds)
	return link.String()
}

func addURLs(link *strings.Builder, param string, urls []string) {
	for _, u := range urls[:min(len(urls), maxMagnetURLs)] {
		if escaped := escape(u); link.Len()+len(param)+len(escaped) <= maxMagnetLength {
			link.WriteString(param + escaped)
		}
	}
}

// escape percent-encodes all but the unreserved characters of RFC 3986; a space
// too, because not every client reads `+` as one.
func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
