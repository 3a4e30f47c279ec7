// Package wanted keeps, in memory, the missing torrents that callers want, for a program that
// searches for them elsewhere.
//
// A crawl of info hashes, real or not, must not fill it. So a torrent is wanted only if a caller
// asks for it ([Book.Ask]), if a caller with a key misses it, or if two different callers miss
// it. It keeps only a hash of a caller's address, with a new salt each day.
package wanted

import (
	"container/list"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

const (
	// keepFor is how long a torrent is wanted. The next request for it then begins anew.
	keepFor = 24 * time.Hour

	// tellAgain is the time after which a torrent that is asked for again is announced again.
	tellAgain = time.Minute
)

// Torrent is a wanted torrent.
type Torrent struct {
	ID       infohash.ID // by which it was asked for
	Asked    int64       // how often
	Since    time.Time   // when it became wanted
	Trackers []string    // named by callers, at most MaxTrackers
}

// entry is a torrent in the book.
type entry struct {
	Torrent
	number uint64    // of the last time that it was announced
	told   time.Time // when it was last announced
}

// Book holds the wanted torrents. A nil *Book is empty and stays so. It is safe for concurrent
// use.
type Book struct {
	max int

	mu      sync.Mutex
	entries map[infohash.ID]*list.Element // of *entry; guarded by mu, as all below
	order   list.List                     // most recently announced first
	askers  askers
	number  uint64        // of the last announcement
	news    chan struct{} // closed at the next announcement
}

// New returns a Book of at most so many torrents; nil for 0.
func New(most int) *Book {
	if most == 0 {
		return nil
	}
	return &Book{max: most, entries: map[infohash.ID]*list.Element{}, news: make(chan struct{})}
}

// Miss records that a caller of that network requested a missing torrent, and reports whether it
// is wanted. Known says that the caller showed a key.
func (b *Book) Miss(id infohash.ID, from netip.Prefix, known bool) bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.find(id, now) == nil && !known && !b.askers.second(id, from, now) {
		return false
	}
	b.note(id, nil, now)
	return true
}

// Ask records that a caller wants a missing torrent, and the trackers that may know it.
func (b *Book) Ask(id infohash.ID, trackers []string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note(id, Trackers(trackers), time.Now())
}

// Forget removes the torrents of ids, which the store has or may have.
func (b *Book) Forget(ids ...infohash.ID) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		b.drop(id)
	}
}

// Since returns when a torrent became wanted; the zero time if it is not.
func (b *Book) Since(id infohash.ID) time.Time {
	if b == nil {
		return time.Time{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.find(id, time.Now()); e != nil {
		return e.Since
	}
	return time.Time{}
}

// Len returns the number of wanted torrents.
func (b *Book) Len() int {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.entries)
}

// After returns at most n torrents announced after that number, the oldest announcement first,
// and the number from which to continue. The channel is closed when there are more. 0 starts
// from the beginning.
func (b *Book) After(number uint64, n int) (all []Torrent, next uint64, more <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.order.Front()
	for at != nil && at.Next() != nil && at.Next().Value.(*entry).number > number {
		at = at.Next()
	}
	next, now := number, time.Now()
	for ; at != nil && len(all) < n; at = at.Prev() {
		e := at.Value.(*entry)
		if e.number > number && now.Sub(e.Since) < keepFor {
			all = append(all, e.Torrent)
		}
		next = max(next, e.number)
	}
	return all, next, b.news
}

// note records a request for a torrent; b.mu is held.
func (b *Book) note(id infohash.ID, trackers []string, now time.Time) {
	e := b.find(id, now)
	if e == nil {
		if len(b.entries) >= b.max {
			b.drop(b.order.Back().Value.(*entry).ID)
		}
		e = &entry{Torrent: Torrent{ID: id, Since: now}}
		b.entries[id] = b.order.PushFront(e)
	}
	e.Asked++
	added := Trackers(append(e.Trackers[:len(e.Trackers):len(e.Trackers)], trackers...))
	isNews := e.told.IsZero() || len(added) > len(e.Trackers) || now.Sub(e.told) >= tellAgain
	if e.Trackers = added; !isNews {
		return
	}
	b.number++
	e.number, e.told = b.number, now
	b.order.MoveToFront(b.entries[id])
	close(b.news)
	b.news = make(chan struct{})
}

// find returns the entry of id, nil if there is none any more; b.mu is held.
func (b *Book) find(id infohash.ID, now time.Time) *entry {
	at, ok := b.entries[id]
	if !ok {
		return nil
	}
	e := at.Value.(*entry)
	if now.Sub(e.Since) >= keepFor {
		b.drop(id)
		return nil
	}
	return e
}

// drop drops the entry of id, if there is one; b.mu is held.
func (b *Book) drop(id infohash.ID) {
	if at, ok := b.entries[id]; ok {
		b.order.Remove(at)
		delete(b.entries, id)
	}
}

// maxAskers is the maximum number of torrents in each of two generations whose first asker is
// remembered: 6 MB in all.
const maxAskers = 1 << 15

// saltFor is the lifetime of a salt, and of the hashes made with it.
const saltFor = 24 * time.Hour

// askers remembers, by a hash, the first asker of each id. The zero value is ready.
type askers struct {
	salt           maphash.Seed
	salted         time.Time
	recent, before map[infohash.ID]uint64 // before was recent until that was full
}

// second reports whether a caller of another network asked for id earlier today.
func (a *askers) second(id infohash.ID, from netip.Prefix, now time.Time) bool {
	if now.Sub(a.salted) >= saltFor {
		*a = askers{salt: maphash.MakeSeed(), salted: now, recent: map[infohash.ID]uint64{}}
	}
	asker := maphash.Comparable(a.salt, from)
	first, known := a.recent[id]
	if !known {
		first, known = a.before[id]
	}
	if known {
		return first != asker
	}
	if len(a.recent) >= maxAskers {
		a.before, a.recent = a.recent, map[infohash.ID]uint64{}
	}
	a.recent[id] = asker
	return false
}
