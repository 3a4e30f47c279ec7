package metainfo

import (
	"bytes"
	"time"
)

// MaxListed bounds each of the lists in a [Description]: of more trackers, web
// seeds or nodes the first MaxListed are given. Real torrents have a few
// dozen; a hostile one could have a million.
const MaxListed = 4096

// Description is what a .torrent file says about itself, apart from its files.
// Its strings may hold any bytes; see the package's comment. Absent strings are
// empty, absent lists nil. All but Name, the pieces, Private and Source come
// from outside the info dictionary: the info hash does not vouch for them.
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
}

// Node is a DHT node (BEP 5).
type Node struct {
	Host string // name or address
	Port int    // 1 to 65535
}

// Describe reads the torrent's description. It takes time in proportion to the
// torrent's size; strings are copied.
func (t *Torrent) Describe() Description {
	d := Description{
		Name:        string(t.name.of(t.b)),
		PieceLength: t.pieceLength,
		PieceCount:  t.pieceCount(),
		Private:     t.private,
		FileCount:   t.fileCount,
	}
	o := t.readOuter()
	d.Comment = t.firstText(o.commentUTF8, o.comment)
	d.CreatedBy = t.firstText(o.createdByUTF8, o.createdBy)
	d.Encoding = t.firstText(o.encoding)
	d.Source = t.source()
	d.CreationDate = t.date(o.creationDate)
	d.Trackers = t.trackers(o)
	d.WebSeeds = t.urls(o.urlList)
	d.HTTPSeeds = t.urls(o.httpSeeds)
	d.Nodes = t.nodes(o.nodes)
	d.Magnet = t.magnet(d)
	return d
}

// outer is where the outer dictionary's descriptive keys are.
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

func (t *Torrent) source() string {
	var source span
	for key, value := range pairs(t.b, t.info) {
		if string(key.of(t.b)) == "source" {
			source.first(value)
		}
	}
	return t.firstText(source)
}

// firstText returns the first of the values that is a string.
func (t *Torrent) firstText(values ...span) string {
	for _, v := range values {
		if v.isString(t.b) {
			return string(v.content(t.b).of(t.b))
		}
	}
	return ""
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

func (t *Torrent) trackers(o outer) [][]string {
	var tiers [][]string
	left := MaxListed
	if o.announceList.is(t.b, 'l') {
		for tier := range items(t.b, o.announceList) {
			if !tier.is(t.b, 'l') {
				continue
			}
			if urls := t.urlsUpTo(tier, left); len(urls) > 0 {
				tiers = append(tiers, urls)
				left -= len(urls)
			}
		}
	}
	if len(tiers) > 0 {
		return tiers
	}
	if urls := t.urls(o.announce); len(urls) > 0 {
		return [][]string{urls[:1]}
	}
	return nil
}

// urls returns the URLs of a string or a list of strings.
func (t *Torrent) urls(v span) []string { return t.urlsUpTo(v, MaxListed) }

func (t *Torrent) urlsUpTo(v span, limit int) []string {
	var urls []string
	add := func(v span) {
		if !v.isString(t.b) || len(urls) == limit {
			return
		}
		url := bytes.TrimLeft(v.content(t.b).of(t.b), " \t\r\n\v\f")
		if len(url) > 0 {
			urls = append(urls, string(url))
		}
	}
	if !v.is(t.b, 'l') {
		add(v)
		return urls
	}
	for item := range items(t.b, v) {
		add(item)
	}
	return urls
}

func (t *Torrent) nodes(v span) []Node {
	if !v.is(t.b, 'l') {
		return nil
	}
	var nodes []Node
	for item := range items(t.b, v) {
		if node, ok := t.node(item); ok && len(nodes) < MaxListed {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// node reads a list of a host and a port.
func (t *Torrent) node(v span) (Node, bool) {
	if !v.is(t.b, 'l') {
		return Node{}, false
	}
	var parts [2]span
	n := 0
	for part := range items(t.b, v) {
		if n < len(parts) {
			parts[n] = part
		}
		n++
	}
	if n < len(parts) || !parts[0].isString(t.b) || !parts[1].is(t.b, 'i') {
		return Node{}, false
	}
	port, ok := parts[1].integer(t.b)
	if !ok || port < 1 || port > 65535 {
		return Node{}, false
	}
	return Node{Host: t.firstText(parts[0]), Port: int(port)}, true
}
