package limit

import (
	"container/list"
	"sync"
)

// maxPages is how many callers a book has at most: with all it needs, some 16 MB.
const maxPages = 1 << 16

// book keeps a V for each K that was seen lately. It forgets the one that was not seen
// for longest. A cache that prefers what came often, as otter does, would not do: when the
// book is full, it forgets some newcomers at once, who then are held to no limit.
type book[K comparable, V any] struct {
	mu    sync.Mutex
	pages map[K]*list.Element // of *page[K, V]; guarded by mu
	order list.List           // what was used last comes first; guarded by mu
}

type page[K comparable, V any] struct {
	key   K
	value V
}

// update calls change with what the book has of key, the zero V at first, and
// keeps what change makes of it.
func (b *book[K, V]) update(key K, change func(*V)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.pages[key]
	if ok {
		b.order.MoveToFront(at)
	} else {
		at = b.add(key)
	}
	change(&at.Value.(*page[K, V]).value)
}

// add makes a page; b.mu is held.
func (b *book[K, V]) add(key K) *list.Element {
	if b.pages == nil {
		b.pages = map[K]*list.Element{}
	}
	if len(b.pages) >= maxPages {
		last := b.order.Back()
		delete(b.pages, last.Value.(*page[K, V]).key)
		b.order.Remove(last)
	}
	at := b.order.PushFront(&page[K, V]{key: key})
	b.pages[key] = at
	return at
}
