package infohash

import (
	"fmt"
	"net/url"
	"strings"
)

// Prefixes of the exact topics that name a torrent: BEP 9 and BEP 52.
const (
	topicV1 = "urn:btih:"
	topicV2 = "urn:btmh:"
)

// ParseMagnet returns the ids that a magnet link names: btih (BEP 9, hex or
// base32) and btmh (BEP 52, a SHA-256 multihash). Other parameters are ignored,
// topics of other networks too. A link that names no torrent, or the same kind
// of id twice with different values, is [ErrMalformed].
func ParseMagnet(link string) (Set, error) {
	const scheme = "magnet:?"
	if len(link) < len(scheme) || !strings.EqualFold(link[:len(scheme)], scheme) {
		return Set{}, fmt.Errorf("%w: a magnet link begins with %q", ErrMalformed, scheme)
	}
	// A broken escape in a display name must not cost the hash: ParseQuery
	// returns what it could read beside its error.
	query, _ := url.ParseQuery(link[len(scheme):])
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
	lower := strings.ToLower(topic)
	var field *ID
	var size int
	switch {
	case strings.HasPrefix(lower, topicV1):
		field, size = &s.V1, SizeV1
	case strings.HasPrefix(lower, topicV2):
		field, size = &s.V2, SizeV2
	default:
		return nil
	}
	// Both prefixes have the same length.
	id, err := Parse(topic[len(topicV1):])
	if err != nil {
		return err
	}
	if id.Size() != size || (!field.IsZero() && *field != id) {
		return fmt.Errorf("%w: the magnet link contradicts itself at %q", ErrMalformed, topic)
	}
	*field = id
	return nil
}

// Magnet returns the link that names the torrent by every id of the set and
// nothing else. The zero Set gives "magnet:?".
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
