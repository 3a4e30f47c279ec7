package store

// Room gives the memory that [Store.Get] reads a torrent into: n bytes, or more, that may
// hold anything. n is at least one; it is the torrent's size and that of what the store
// keeps beside it, at most 1 KiB.
//
// A store asks once it knows n, before it reads the bytes. It does not ask if it has no
// torrent to give, as of an id that is unknown or removed, nor has to if the bytes are in
// its memory already: they are not copied then. A store that repeats a read, because the
// record moved meanwhile, an answer broke off or a copy is damaged, asks again. It does
// not use the memory that the room gave before, so a room may give the same memory each
// time. Few reads ask twice, but how often one may ask has no bound that holds for all
// stores.
//
// Room is called by the goroutine that called Get, before Get returns. It may wait, but
// should not for long: the store cannot be closed meanwhile, a store elsewhere keeps a
// connection waiting, and the deadlines of its request and of the whole Get go on.
//
// An error of the room ends the read. Get returns that error unchanged; it says
// nothing of the torrent, and the next Get reads.
type Room func(n int) ([]byte, error)
