package metainfo

import (
	"net/url"
	"strconv"
	"strings"
)

// A magnet link is for people to pass on, and browsers and chats cut long ones:
// of the name it takes the beginning, and of the trackers and web seeds the first
// few, up to a length in bytes.
const (
	maxMagnetURLs   = 20
	maxMagnetName   = 1024 // before it is escaped, counted as MaxText; no system has longer names
	maxMagnetLength = 4096
)

// magnet returns the link of BEP 9 and BEP 52. d has all but the link.
func (t *Torrent) magnet(d Description) string {
	var link strings.Builder
	link.WriteString(t.ids.Magnet())
	name, _ := prefix([]byte(d.Name), maxMagnetName)
	link.WriteString("&dn=" + escape(d.Name[:name]))
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
