package hotcache

import "github.com/torrentcache/torrentcache/infohash"

// Forget forgets every torrent, and every absent id, for which listed returns true; call
// it once listed does. Loads under way are not kept, and no later caller waits for them,
// because they may be from before. Other torrents stay.
func (c *Cache) Forget(listed func(ids ...infohash.ID) bool) {
	c.loads.ForgetAll(func() {})
	for id, e := range c.entries.All() {
		ids := infohash.SetOf(e.torrent.GetInfoHashV1(), e.torrent.GetInfoHashV2()).All()
		if listed(append(ids, id)...) {
			c.entries.Invalidate(id)
		}
	}
}
