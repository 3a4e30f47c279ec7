package hotcache

import "github.com/torrentcache/torrentcache/infohash"

// Forget forgets every torrent, and every absent id, of which listed says so, after listed
// has begun to say so. What is being loaded meanwhile is not kept, and nobody who asks
// afterwards waits for it: it may be from before. Other torrents stay.
func (c *Cache) Forget(listed func(ids ...infohash.ID) bool) {
	c.loads.ForgetAll(func() {})
	for id, e := range c.entries.All() {
		ids := infohash.SetOf(e.torrent.GetInfoHashV1(), e.torrent.GetInfoHashV2()).All()
		if listed(append(ids, id)...) {
			c.entries.Invalidate(id)
		}
	}
}
