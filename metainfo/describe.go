package metainfo

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// MaxListed is the maximum length of each list in a [Description]: longer lists of trackers, web
// seeds or nodes are truncated, earlier if their texts exceed 512 KiB together. Real torrents
// have a few dozen entries; a hostile one could have a million.
const MaxListed = 4096

// Description is the information in a .torrent file about itself, without its files. Its strings
// may hold any bytes; see the package documentation. Absent strings are empty, absent lists nil.
// All fields but Name, the pieces, Private and Source come from outside the info dictionary, so
// the info hash does not cover them.
type Description struct {
	Name         string // `name.utf-8`, else `name`
	PieceLength  int64  // bytes
	PieceCount   int64
	Private      bool // BEP 27
	Comment      string
	CreatedBy    string
	Source       string // of the info dictionary; names the tracker's site
	Encoding     string
	CreationDate time.Time // UTC; zero if absent, before 1970 or after 9999
	// Trackers has the announce URLs by tier (BEP 12); the one `announce` of a
	// torrent without an announce-list is one tier. Leading white space and
	// empty URLs and tiers are left out.
	Trackers  [][]string
	WebSeeds  []string // BEP 19, url-list
	HTTPSeeds []string // BEP 17
	Nodes     []Node   // BEP 5
	FileCount int      // as [Torrent.Files] counts
	// Magnet is a magnet link with btih and btmh, name, length and the first
	// trackers and web seeds, escaped: ASCII without spaces or quotes.
	Magnet string
	// Cut reports that the torrent has more than this description: a text ends with [CutMark]
	// because it has more than [MaxText] bytes, or a list is longer.
	Cut bool
}

// Node is a DHT node (BEP 5).
type Node struct {
	Host string // name or address
	Port int    // 1 to 65535
}

// Describe reads the torrent's description. It takes time in proportion to the
// torrent's size, and at most 2 MiB of memory; strings are copied.
func (t *Torrent) Describe() Description {
	r := describer{t: t, texts: texts{b: t.b, left: maxListTexts}}
	o := t.readOuter()
	d := Description{
		Name:         r.text(t.name),
		PieceLength:  t.pieceLength,
		PieceCount:   t.pieceCount(),
		Private:      t.private,
		FileCount:    t.fileCount,
		Comment:      r.firstText(o.commentUTF8, o.comment),
		CreatedBy:    r.firstText(o.createdByUTF8, o.createdBy),
		Encoding:     r.firstText(o.encoding),
		Source:       r.firstText(t.source()),
		CreationDate: t.date(o.creationDate),
	}
	r.left = maxListTexts // single texts do not count
	d.Trackers = r.trackers(o)
	d.WebSeeds = r.urls(o.urlList, MaxListed)
	d.HTTPSeeds = r.urls(o.httpSeeds, MaxListed)
	d.Nodes = r.nodes(o.nodes)
	d.Magnet = t.magnet(d)
	d.Cut = r.cut
	return d
}

// outer has the positions of the descriptive keys of the outer dictionary.
type outer struct {
	announce, announceList   span
	comment, commentUTF8     span
	createdBy, createdByUTF8 span
	creationDate, encoding   span
	urlList, httpSeeds       span
	nodes                    span
}

func (t *Torrent) readOuter() outer {
	var o outer
	fields := map[string]*span{
		"announce":         &o.announce,
		"announce-list":    &o.announceList,
		"comment":          &o.comment,
		"comment.utf-8":    &o.commentUTF8,
		"created by":       &o.createdBy,
		"created by.utf-8": &o.createdByUTF8,
		"creation date":    &o.creationDate,
		"encoding":         &o.encoding,
		"url-list":         &o.urlList,
		"httpseeds":        &o.httpSeeds,
		"nodes":            &o.nodes,
	}
	for key, value := range pairs(t.b, span{0, len(t.b)}) {
		if field := fields[string(key.of(t.b))]; field != nil {
			field.first(value)
		}
	}
	return o
}

func (t *Torrent) source() span {
	var source span
	for key, value := range pairs(t.b, t.info) {
		if string(key.of(t.b)) == "source" {
			source.first(value)
		}
	}
	return source
}

func (t *Torrent) date(v span) time.Time {
	const last = 253402300799 // the last second of the year 9999
	if !v.is(t.b, 'i') {
		return time.Time{}
	}
	seconds, ok := v.integer(t.b)
	if !ok || seconds <= 0 || seconds > last {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// Browsers and chat programs truncate long magnet links. So a link has only the beginning of the
// name and the first few trackers and web seeds, up to a total length in bytes.
const (
	maxMagnetURLs   = 20
	maxMagnetName   = 1024 // before escaping, counted as in MaxText; no system has longer names
	maxMagnetLength = 4096
)

// magnet returns the link of BEP 9 and BEP 52, given all other fields of the description.
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

// escape percent-encodes all but the unreserved characters of RFC 3986. It encodes spaces, too,
// because some clients do not read `+` as a space.
func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
