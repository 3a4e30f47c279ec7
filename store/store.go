// Package store defines how torrents are kept: the [Store] interface, its values and its errors.
// Each implementation has a package below this one, and passes the contract suite in
// store/storetest.
//
// A store knows ids and bytes, but neither the .torrent format nor RPC. The caller of Put
// vouches that the ids are those of the info bytes.
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/torrentcache/torrentcache/infohash"
)

// Errors of a store. Implementations wrap them; callers use errors.Is.
var (
	// ErrNotFound says that the store has no torrent with this id.
	ErrNotFound = errors.New("torrent not found")
	// ErrRemoved says that the torrent was removed and may not come back until it
	// is restored. It comes as a [*RemovedError], which says why.
	ErrRemoved = errors.New("torrent removed")
	// ErrConflict says that an id of the item already names other info bytes, or
	// that its ids belong to different records; nothing was written.
	ErrConflict = errors.New("id names another torrent")
	// ErrChanged says that the record is no longer the one that [Item.Replaces] names; nothing was
	// written.
	ErrChanged = errors.New("record changed meanwhile")
	// ErrDamaged says that the stored bytes fail their checksum. An upload of the torrent heals it.
	ErrDamaged = errors.New("stored torrent damaged")
	// ErrInvalid says that the caller broke a rule of [Item] or [Removal], and names the rule;
	// nothing was written.
	ErrInvalid = errors.New("cannot be stored")
	// ErrFull says that there is no room; nothing was written.
	ErrFull = errors.New("store full")
	// ErrNotErased says that a removal with Erase is in force, but that its bytes are still on
	// the disk. It comes with its cause.
	ErrNotErased = errors.New("removed, but its bytes are still on the disk")
	// ErrUnavailable says that the store cannot answer now. A put that failed with it may exist
	// later or not.
	ErrUnavailable = errors.New("store unavailable")
)

// Store keeps torrents by their ids. All methods are safe for concurrent use.
//
// One put wins for each id: exactly one of several concurrent puts of the same ids is Created, and
// every reader sees its bytes.
type Store interface {
	// Put stores each item and returns one result per item, in order. It returns
	// when every item that has no error is durable. A bad item does not stop the
	// others. An item that stands twice is stored once. The order in which items
	// take effect is unspecified. Put never changes the items' bytes, and uses
	// only Shared ones after returning. A cancelled ctx makes Put return early;
	// the items may land nevertheless.
	//
	// The first rule that fits decides about an item:
	//   - an id of it is removed: ErrRemoved
	//   - none of its ids is known: Created, but ErrChanged if it has Replaces
	//   - its ids are not those of one record: ErrConflict
	//   - the record is known to be damaged: Healed, but ErrChanged if the item
	//     has Replaces and the record does not match
	//   - the record has other info bytes: ErrConflict
	//   - the record has the same bytes: AlreadyCached; if the item's rank is higher,
	//     the record has it from then on, which the feed tells as ChangeReplaced
	//   - the item has Replaces: Replaced if the record matches, else
	//     ErrChanged. The record's rank is the higher one of both.
	//   - the item's rank is higher than the record's: Outranked; nothing is written
	//   - else AlreadyCached
	//
	// A record whose bytes cannot be read at that moment counts as damaged. A record healed with
	// different bytes gets the item's rank; otherwise it keeps the higher rank of both.
	Put(ctx context.Context, items []Item) []Result

	// Get returns the torrent with id, exactly as put. Errors: ErrNotFound, ErrRemoved,
	// ErrDamaged, ErrUnavailable. ErrDamaged says that the bytes were read and are wrong, or
	// that their file is gone. A failed read proves nothing and is ErrUnavailable; the next call
	// reads again.
	//
	// The returned bytes are in the memory that alloc returned last, or in memory of the store;
	// [Alloc] says when a store asks. With a nil alloc the store allocates. After Get has
	// returned, the store no longer uses memory from alloc. An error of alloc is one of Get. The
	// caller must not change the returned bytes unless they are in its own memory, because
	// others may share them.
	Get(ctx context.Context, id infohash.ID, alloc Alloc) (Torrent, error)

	// Has returns, for each id in order, the torrent that Get would find: the zero Held for
	// unknown, removed and known-damaged ones.
	Has(ctx context.Context, ids []infohash.ID) ([]Held, error)

	// Remove removes each id and returns one result per id, in order. It makes every
	// id of the record that has the id answer ErrRemoved, and refuses later puts of
	// them, until Restore. An id never held is removed in advance, by that id alone.
	// Removing twice keeps the latest Removal. It returns when every removal that has
	// no error is durable and, if removal has Erase, the bytes are gone.
	//
	// A bad id does not stop the others. Repeated ids, and ids of the same torrent, take effect
	// one after the other, in an unspecified order. A cancelled ctx makes Remove return early;
	// the ids may be removed nevertheless. Errors: ErrInvalid if an id is zero or removal breaks
	// its rules, ErrFull, ErrNotErased, ErrUnavailable, or ctx's error.
	Remove(ctx context.Context, ids []infohash.ID, removal Removal) []Removed

	// Restore undoes the removal of each id, for every id that the removal covered, and returns one
	// result per id, in order. The torrent answers again if its bytes are still held; otherwise it
	// may be put again. It returns when every restoration that has no error is durable. The rules
	// of Remove for bad ids, ids of the same torrent and ctx hold here too. Errors: ErrNotFound if
	// the id is not removed, ErrFull, ErrUnavailable, or ctx's error.
	Restore(ctx context.Context, ids []infohash.ID) []Removed

	// Changes returns up to limit changes after cursor, oldest first, and the
	// cursor to continue from, which equals the one given when there are none.
	// The zero Cursor is the beginning. Every durable change appears once, in one
	// order that every caller sees. A limit below one gives no changes.
	Changes(ctx context.Context, after Cursor, limit int) ([]Change, Cursor, error)

	// End returns the end of the feed, cheaply. Changes after that cursor are those not durable
	// when End was called.
	End(ctx context.Context) (Cursor, error)

	// Stats returns the counts of the store, cheaply.
	Stats(ctx context.Context) (Stats, error)

	// Value returns the value that SetValue stored under name, nil if there is none. Errors:
	// ErrInvalid, ErrUnavailable.
	Value(ctx context.Context, name string) ([]byte, error)

	// SetValue stores a value under a name, durably, replacing any earlier one. A value is as
	// durable as torrents. It is for a few small notes of the program, such as the time of the
	// last backup. The error is ErrInvalid if [CheckValue] rejects it.
	SetValue(ctx context.Context, name string, value []byte) error

	// Close waits for calls in progress, makes their changes durable and releases the store.
	// Later calls return ErrUnavailable; a second Close does nothing and returns nil.
	Close() error
}

// Alloc returns the memory into which [Store.Get] reads a torrent: n bytes or more, of any
// content. n is at least one; it is the size of the torrent and of the store's metadata, which
// is at most 1 KiB.
//
// A store calls it once it knows n, before it reads the bytes. It does not call it for an id
// without a torrent, and need not if the bytes are in its memory already and need no copy. A
// store that repeats a read, because the record moved, an answer broke off or a copy is damaged,
// calls it again. The store then no longer uses the earlier memory, so an Alloc may return the
// same memory each time. Repeated calls are rare, but no bound on their number holds for all
// stores.
//
// The goroutine that called Get calls the Alloc, before Get returns. It may wait, but not for long:
// the store cannot be closed meanwhile, a remote store keeps a connection waiting, and the
// deadlines of the request and of Get go on.
//
// An error of the Alloc ends the read. Get returns that error unchanged. It says nothing about the
// torrent, and the next Get reads again.
type Alloc func(n int) ([]byte, error)

// copyingKey is the context key of reads that make copies.
type copyingKey struct{}

// Copying returns a context for reads that no user asked for, such as those of a mirror or of a
// check. They do not make a bounded cache keep a torrent.
func Copying(ctx context.Context) context.Context {
	return context.WithValue(ctx, copyingKey{}, true)
}

// IsCopying reports whether ctx comes from [Copying].
func IsCopying(ctx context.Context) bool {
	copying, _ := ctx.Value(copyingKey{}).(bool)
	return copying
}

// Bounds of named values.
const (
	MaxValueName = 64       // bytes
	MaxValue     = 64 << 10 // bytes
)

// CheckValue returns an error that wraps [ErrInvalid] if a value cannot be kept under
// name: the name is empty, too long or has other characters than a-z, 0-9, dot and
// hyphen, or the value is too long.
func CheckValue(name string, value []byte) error {
	bad := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' }
	switch {
	case name == "" || len(name) > MaxValueName || strings.ContainsFunc(name, bad):
		return fmt.Errorf("%w: %q is not a name for a value: want 1 to %d characters of a-z, 0-9, dot and hyphen", ErrInvalid, name, MaxValueName)
	case len(value) > MaxValue:
		return fmt.Errorf("%w: the value of %s has %d bytes, at most %d fit", ErrInvalid, name, len(value), MaxValue)
	}
	return nil
}
