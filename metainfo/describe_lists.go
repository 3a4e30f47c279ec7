package metainfo

import "bytes"

// describer copies the values of a [Description], within its bounds.
type describer struct {
	t *Torrent
	texts
}

// firstText returns the first of the values that is a string.
func (r *describer) firstText(values ...span) string {
	for _, v := range values {
		if v.isString(r.b) {
			return r.text(v.content(r.b))
		}
	}
	return ""
}

func (r *describer) trackers(o outer) [][]string {
	var tiers [][]string
	left := MaxListed
	if o.announceList.is(r.b, 'l') {
		for tier := range items(r.b, o.announceList) {
			if !tier.is(r.b, 'l') {
				continue
			}
			if urls := r.urls(tier, left); len(urls) > 0 {
				tiers = append(tiers, urls)
				left -= len(urls)
			}
		}
	}
	if len(tiers) > 0 {
		return tiers
	}
	if urls := r.urls(o.announce, 1); len(urls) > 0 {
		return [][]string{urls}
	}
	return nil
}

// urls returns the URLs of a string or a list of strings, up to limit.
func (r *describer) urls(v span, limit int) []string {
	if !v.is(r.b, 'l') {
		return r.addURL(nil, v, limit)
	}
	var urls []string
	for item := range items(r.b, v) {
		urls = r.addURL(urls, item, limit)
	}
	return urls
}

func (r *describer) addURL(urls []string, v span, limit int) []string {
	if !v.isString(r.b) {
		return urls
	}
	content := v.content(r.b)
	content.start = content.end - len(bytes.TrimLeft(content.of(r.b), " \t\r\n\v\f"))
	switch {
	case content.len() == 0:
		return urls
	case len(urls) >= limit || !r.room():
		r.cut = true
		return urls
	}
	return append(urls, r.text(content))
}

func (r *describer) nodes(v span) []Node {
	if !v.is(r.b, 'l') {
		return nil
	}
	var nodes []Node
	for item := range items(r.b, v) {
		host, port, ok := r.t.node(item)
		switch {
		case !ok:
		case len(nodes) == MaxListed || !r.room():
			r.cut = true
		default:
			nodes = append(nodes, Node{Host: r.text(host), Port: port})
		}
	}
	return nodes
}

// node reads a list of a host and a port.
func (t *Torrent) node(v span) (host span, port int, ok bool) {
	if !v.is(t.b, 'l') {
		return span{}, 0, false
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
		return span{}, 0, false
	}
	number, ok := parts[1].integer(t.b)
	return parts[0].content(t.b), int(number), ok && number >= 1 && number <= 65535
}
