package infohash

import (
	"fmt"
	neturl "net/url"
	"strings"
)

// Prefixes of the exact topics that name a torrent: BEP 9 and BEP 52.
const (
	topicV1 = "urn:btih:"
	topicV2 = "urn:btmh:"
)

// ParseMagnet returns the ids in a magnet link: btih (BEP 9, hex or base32) and btmh (BEP 52, a
// SHA-256 multihash). It also accepts the variants magnet:/? and `&amp;` for &. It ignores other
// parameters and the topics of other networks. A link without a torrent, or with two different
// ids of the same kind, is [ErrMalformed].
func ParseMagnet(link string) (Set, error) {
	rest, ok := cutPrefixFold(link, "magnet:")
	rest, asked := strings.CutPrefix(strings.TrimLeft(rest, "/"), "?")
	if !ok || !asked {
		return Set{}, fmt.Errorf("%w: a magnet link begins with %q", ErrMalformed, "magnet:?")
	}
	// Beside its error ParseQuery returns the part that it could read. So a broken escape in a name
	// does not lose the info hash.
	query, _ := neturl.ParseQuery(strings.ReplaceAll(rest, "&amp;", "&"))
	var set Set
	for key, values := range query {
		if key != "xt" && !strings.HasPrefix(key, "xt.") {
			continue
		}
		for _, topic := range values {
			if err := set.addTopic(topic); err != nil {
				return Set{}, err
			}
		}
	}
	if set == (Set{}) {
		return Set{}, fmt.Errorf("%w: the magnet link names no torrent (no xt=urn:btih: or xt=urn:btmh:)", ErrMalformed)
	}
	return set, nil
}

func (s *Set) addTopic(topic string) error {
	var field *ID
	var size int
	var digits string
	if rest, ok := cutPrefixFold(topic, topicV1); ok {
		field, size, digits = &s.V1, SizeV1, rest
	} else if rest, ok := cutPrefixFold(topic, topicV2); ok {
		field, size, digits = &s.V2, SizeV2, rest
	} else {
		return nil
	}
	id, err := Parse(digits)
	if err != nil {
		return err
	}
	if id.Size() != size || (!field.IsZero() && *field != id) {
		return fmt.Errorf("%w: the magnet link contradicts itself at %q", ErrMalformed, topic)
	}
	*field = id
	return nil
}

// cutPrefixFold is strings.CutPrefix ignoring case. The prefixes must not contain K or S, to
// which letters outside ASCII fold.
func cutPrefixFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// Magnet returns the magnet link with every id of the set and nothing else. For the zero Set it
// returns "magnet:?".
func (s Set) Magnet() string {
	var topics []string
	if !s.V1.IsZero() {
		topics = append(topics, "xt="+topicV1+strings.ToLower(s.V1.String()))
	}
	if !s.V2.IsZero() {
		topics = append(topics, "xt="+topicV2+multihashSHA256+strings.ToLower(s.V2.String()))
	}
	return "magnet:?" + strings.Join(topics, "&")
}

// MagnetFrom is [Set.Magnet] with the URL of the .torrent file (xs, exact source), for clients that
// find no peers.
func (s Set) MagnetFrom(url string) string {
	return s.Magnet() + "&xs=" + neturl.QueryEscape(url)
}
