// Package store defines what keeps torrents: the [Store] interface, its values
// and its errors. The implementations are in packages of their own below this
// one, and each of them passes the contract suite in store/storetest.
//
// A store knows ids and bytes, nothing of the .torrent format and nothing of
// RPC. The caller of Put vouches that the ids are those of the info bytes.
package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// Errors of a store. Implementations wrap them; callers use errors.Is.
var (
	// ErrNotFound says that no torrent has this id.
	ErrNotFound = errors.New("torrent not found")
	// ErrRemoved says that the torrent was removed and may not come back until it
	// is restored. It comes as a [*RemovedError], which says why.
	ErrRemoved = errors.New("torrent removed")
	// ErrConflict says that an id of the item already names other info bytes, or
	// that its ids belong to different records; nothing was written.
	ErrConflict = errors.New("id names another torrent")
	// ErrChanged says that the record is no longer the one that [Item.Replaces] names; nothing was written.
	ErrChanged = errors.New("record changed meanwhile")
	// ErrDamaged says that the stored bytes fail their checksum. An upload of the torrent heals it.
	ErrDamaged = errors.New("stored torrent damaged")
	// ErrInvalid says that the caller broke a rule of [Item] or [Removal], and
	// which; nothing was written.
	ErrInvalid = errors.New("cannot be stored")
	// ErrFull says that there is no room; nothing was written.
	ErrFull = errors.New("store full")
	// ErrNotErased says that a removal with Erase is in force, but that its bytes are not
	// off the disk yet. It comes with the error that is the cause.
	ErrNotErased = errors.New("removed, but the bytes are not off the disk yet")
	// ErrUnavailable says that the store cannot answer now. A put that got it may
	// or may not exist later.
	ErrUnavailable = errors.New("store unavailable")
)

// Store keeps torrents by their ids. All methods are safe for concurrent use.
//
// One put wins for each id: of concurrent puts of the same ids exactly one is
// Created, and every reader sees that one's bytes.
type Store interface {
	// Put stores each item and returns one result per item, in order. It returns
	// when every item that has no error is durable. A bad item does not stop the
	// others. An item that stands twice is stored once. The order in which items
	// take effect is unspecified. Put never changes the items' bytes, and uses
	// only Shared ones after returning. A cancelled ctx makes Put return early;
	// the items may land nevertheless.
	//
	// What becomes of an item, the first rule that fits:
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
	// A record whose bytes cannot be read at that moment counts as damaged. One that
	// is healed with other bytes than it had has the item's rank, else the higher one.
	Put(ctx context.Context, items []Item) []Result

	// Get returns the torrent that has id, exactly as put. Errors: ErrNotFound,
	// ErrRemoved, ErrDamaged, ErrUnavailable. ErrDamaged says that the bytes were read
	// and are wrong, or that what held them is gone; a read that failed proves nothing
	// and is ErrUnavailable, and the next call reads again.
	//
	// What is returned lies in the memory that room gave last, or in memory of the store:
	// [Room] says when a store asks. With a nil room the store allocates. The store uses
	// nothing that room gave after Get has returned; an error of room is one of Get. The
	// caller must not change the returned bytes, which may be shared with others, unless
	// they lie in its own memory.
	Get(ctx context.Context, id infohash.ID, room Room) (Torrent, error)

	// Has returns for each id, in order, what torrent Get would find: the zero Held for
	// unknown, removed and known-damaged ones.
	Has(ctx context.Context, ids []infohash.ID) ([]Held, error)

	// Remove removes each id and returns one result per id, in order. It makes every
	// id of the record that has the id answer ErrRemoved, and refuses later puts of
	// them, until Restore. An id never held is removed in advance, by that id alone.
	// Removing twice keeps the latest Removal. It returns when every removal that has
	// no error is durable and, if removal has Erase, the bytes are gone.
	//
	// A bad id does not hinder the others. Ids that name the same torrent, or stand
	// twice, take effect one after the other, in an unspecified order. A cancelled
	// ctx makes Remove return early; the ids may be removed nevertheless. Errors:
	// ErrInvalid if an id is zero or removal breaks its rules, ErrFull,
	// ErrNotErased, ErrUnavailable, or ctx's error.
	Remove(ctx context.Context, ids []infohash.ID, removal Removal) []Removed

	// Restore undoes Remove, of each id for every id that its removal covered, and
	// returns one result per id, in order: the torrent answers again if its bytes
	// are still held, and may be put again if not. It returns when every
	// restoration that has no error is durable. The rules of Remove for bad ids,
	// ids of the same torrent and ctx hold here too. Errors: ErrNotFound if the id
	// is not removed, ErrFull, ErrUnavailable, or ctx's error.
	Restore(ctx context.Context, ids []infohash.ID) []Removed

	// Changes returns up to limit changes after cursor, oldest first, and the
	// cursor to continue from, which equals the one given when there are none.
	// The zero Cursor is the beginning. Every durable change appears once, in one
	// order that every caller sees. A limit below one gives no changes.
	Changes(ctx context.Context, after Cursor, limit int) ([]Change, Cursor, error)

	// End returns the end of the feed, cheaply: the cursor after which Changes gives
	// what is not durable yet, and nothing that was when End was called.
	End(ctx context.Context) (Cursor, error)

	// Stats returns what the store holds, cheaply.
	Stats(ctx context.Context) (Stats, error)

	// Value returns the value that SetValue kept under name, nil if there is none.
	// Errors: ErrInvalid, ErrUnavailable.
	Value(ctx context.Context, name string) ([]byte, error)

	// SetValue keeps a value under a name, durably, in the place of the one before.
	// It survives whatever torrents survive. It is for a few small notes of the
	// program, such as when the last backup ended. ErrInvalid if [CheckValue] says so.
	SetValue(ctx context.Context, name string, value []byte) error

	// Close waits for what is in flight, makes it durable and releases the
	// store. Later calls return ErrUnavailable, except that a second Close does
	// nothing and returns nil.
	Close() error
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
		return fmt.Errorf("%w: %q names no value: want 1 to %d of a-z, 0-9, dot and hyphen", ErrInvalid, name, MaxValueName)
	case len(value) > MaxValue:
		return fmt.Errorf("%w: the value of %s has %d bytes, at most %d fit", ErrInvalid, name, len(value), MaxValue)
	}
	return nil
}

// Rank orders writers: an upload of a higher rank may replace the outer keys that
// one of a lower rank put. Zero is no rank. The numbers are kept on disk; there is
// room between them, and a number that this program has no name for is a rank, too.
type Rank uint8

// The ranks of writers.
const (
	RankFetched   Rank = 64  // nobody gave it to us: it was fetched from elsewhere
	RankAnonymous Rank = 128 // anyone
	RankKeyed     Rank = 192 // a writer with a key
)

// Version names the exact bytes of a stored torrent: the first 128 bits of
// their SHA-256. Its hex form is the ETag of downloads.
type Version [16]byte

// VersionOf returns the version of a torrent's bytes.
func VersionOf(torrent []byte) Version {
	sum := sha256.Sum256(torrent)
	return Version(sum[:])
}

// Item is a torrent to store.
type Item struct {
	// IDs are all the ids of the torrent, at least one of V1 and V2.
	IDs infohash.Set
	// Torrent is the file as uploaded.
	Torrent []byte
	// Shared says that nobody changes Torrent any more, ever: the store may keep it
	// instead of a copy.
	Shared bool
	// InfoOffset and InfoLength give the span of the raw info dictionary in
	// Torrent, in bytes; it is not empty. Two files with the same ids but other info bytes are a
	// hash collision, and the second is refused with ErrConflict.
	InfoOffset, InfoLength int
	// Rank is the writer's; not zero.
	Rank Rank
	// Unasked says that nobody uploaded the item here: it was copied from elsewhere. Then it
	// is no use of the torrent, and nothing is dropped to make room for it.
	Unasked bool
	// Replaces, unless zero, makes the put conditional: it replaces the record
	// only while the record's version is this one, whatever its rank.
	Replaces Version
	// ReplacesRank, unless zero, adds to the condition of Replaces that the record has
	// this rank.
	ReplacesRank Rank
}

// Matches reports whether the item's condition holds for a record of that version and rank.
func (it Item) Matches(version Version, rank Rank) bool {
	return it.Replaces == version && (it.ReplacesRank == 0 || it.ReplacesRank == rank)
}

// Info returns the raw info dictionary, a part of Torrent.
func (it Item) Info() []byte { return it.Torrent[it.InfoOffset : it.InfoOffset+it.InfoLength] }

// IsUnasked reports whether nobody uploaded it here: it says so, or it was fetched.
func (it Item) IsUnasked() bool { return it.Unasked || it.Rank < RankAnonymous }

// Validate returns an error that wraps [ErrInvalid] and names the broken rule
// if it cannot be stored: it has no id or one of the wrong size, it has no rank, or
// the info span is empty or does not lie in Torrent.
func (it Item) Validate() error {
	switch {
	case it.IDs == infohash.Set{}:
		return fmt.Errorf("%w: the item has no id", ErrInvalid)
	case !it.IDs.V1.IsZero() && it.IDs.V1.Size() != infohash.SizeV1:
		return fmt.Errorf("%w: the v1 id has %d bytes, want %d", ErrInvalid, it.IDs.V1.Size(), infohash.SizeV1)
	case !it.IDs.V2.IsZero() && it.IDs.V2.Size() != infohash.SizeV2:
		return fmt.Errorf("%w: the v2 id has %d bytes, want %d", ErrInvalid, it.IDs.V2.Size(), infohash.SizeV2)
	case it.Rank == 0:
		return fmt.Errorf("%w: the item has no rank", ErrInvalid)
	case it.InfoOffset < 0 || it.InfoLength < 1 || it.InfoOffset > len(it.Torrent) || it.InfoLength > len(it.Torrent)-it.InfoOffset:
		return fmt.Errorf("%w: the info span of %d bytes at %d does not lie in the torrent's %d bytes",
			ErrInvalid, it.InfoLength, it.InfoOffset, len(it.Torrent))
	}
	return nil
}

// Outcome is what a put did.
type Outcome uint8

// The outcomes of a put.
const (
	Created       Outcome = iota + 1 // the ids were unknown; the item is now stored
	AlreadyCached                    // the record stays as it was
	Replaced                         // the item took the record's place
	Healed                           // the item took the place of a damaged record
	// Outranked says that the record stays as it was, and that the item may take its
	// place: by a put with Replaces, once the caller has taken over from the record
	// what must not be lost.
	Outranked
)

// Result is what became of one item. Outcome is meaningful only if Err is nil;
// Err wraps ErrInvalid, ErrRemoved, ErrConflict, ErrChanged, ErrFull or
// ErrUnavailable, or is ctx's error.
type Result struct {
	Outcome Outcome
	Err     error
}

// Torrent is a stored torrent.
type Torrent struct {
	IDs     infohash.Set
	Bytes   []byte    // the file as uploaded
	Version Version   // of Bytes
	Rank    Rank      // of the writer
	Stored  time.Time // when these bytes were stored, UTC, whole seconds
	// Stale says that a store which others change, too, could not be asked: this is
	// a copy, and may have been removed or replaced there.
	Stale bool
}

// Removal says why a torrent was removed.
type Removal struct {
	Reason    string    // for people, at most 1 KiB
	Reference string    // a case number or URL, at most 1 KiB
	Time      time.Time // UTC, cut to whole seconds; the zero time means now
	// Erase makes Remove return only once the torrent's bytes are off the disk,
	// also if it was removed before; without it they leave within a day. It is an
	// order, not part of what is kept: a store gives removals back without it.
	Erase bool
	// Keep asks for the bytes to stay for a week, in which Restore brings them back, in place of
	// a day: for removals that others decided. A removal that is in force already is not put off
	// by it, and a store that cannot keep them so long does not. It is an order like Erase.
	Keep bool
}

// MaxRemovalText is the most bytes that Reason and Reference may have, each.
const MaxRemovalText = 1 << 10

// Validate returns an error that wraps [ErrInvalid] if a text of r is too long.
func (r Removal) Validate() error {
	if len(r.Reason) > MaxRemovalText || len(r.Reference) > MaxRemovalText {
		return fmt.Errorf("%w: reason and reference of a removal may have %d bytes each, they have %d and %d",
			ErrInvalid, MaxRemovalText, len(r.Reason), len(r.Reference))
	}
	return nil
}

// Kept returns r as a store keeps it: with the time in UTC, in whole seconds, that of
// now if r has none. The error wraps [ErrInvalid]: a text is too long.
func (r Removal) Kept(now func() time.Time) (Removal, error) {
	if err := r.Validate(); err != nil {
		return Removal{}, err
	}
	if r.Time.IsZero() {
		r.Time = now()
	}
	r.Time = r.Time.UTC().Truncate(time.Second)
	return r, nil
}

// CheckID returns an error that wraps [ErrInvalid] if id is zero, which names nothing to
// remove.
func CheckID(id infohash.ID) error {
	if id.IsZero() {
		return fmt.Errorf("%w: no id to remove", ErrInvalid)
	}
	return nil
}

// Removed is what Remove or Restore did with one id.
type Removed struct {
	// IDs are those that were removed or restored together: all of the torrent, or
	// of a removal in advance the one id. With an error it is zero unless the store
	// knows which ids may have changed all the same.
	IDs infohash.Set
	// Held is whether Get found the torrent just before it was removed, or finds it
	// just after it was restored. It is meaningful only if Err is nil or ErrNotErased.
	Held bool
	Err  error
}

// Held is what [Store.Has] says of a torrent. The zero value is of none.
type Held struct {
	IDs  infohash.Set
	Rank Rank
}

// Found reports whether there is a torrent.
func (h Held) Found() bool { return h.Rank != 0 }

// FailAll returns n results with the same error.
func FailAll(n int, err error) []Removed {
	results := make([]Removed, n)
	for i := range results {
		results[i].Err = err
	}
	return results
}

// RemovedError is the form in which a store returns [ErrRemoved], for
// errors.As. Its message omits the removal, which is not for everyone.
type RemovedError struct {
	Removal Removal // the latest of the torrent
}

// Error returns the text of [ErrRemoved].
func (*RemovedError) Error() string { return ErrRemoved.Error() }

// Is reports whether target is [ErrRemoved].
func (*RemovedError) Is(target error) bool { return target == ErrRemoved }

// ChangeKind is what happened to a record.
type ChangeKind uint8

// The kinds of changes. A reader of the feed that meets a kind of a newer
// program must discard what it knows of the torrent.
const (
	ChangeAdded    ChangeKind = iota + 1 // Created
	ChangeReplaced                       // Replaced or Healed, or of a higher rank
	ChangeRemoved                        // by Remove, also of what was removed before
	ChangeRestored                       // by Restore
	ChangeDropped                        // the bytes left; it is unknown, not removed
)

// Change is one entry of the feed.
type Change struct {
	Kind ChangeKind
	IDs  infohash.Set // for a removal in advance only the field that the id fits
	Time time.Time    // UTC, whole seconds
}

// Stats is what a store holds.
type Stats struct {
	Torrents int64 // torrents that Get would find, known-damaged ones not among them
	Removed  int64 // ids removed and not restored
	Bytes    int64 // of the torrents, without overhead
	DiskUsed int64 // bytes used, overhead included; 0 for stores in memory
}

// Unread counts the torrents of one rank that nobody read or stored for some time.
type Unread struct {
	Rank     Rank
	Torrents int64
	Bytes    int64     // of the torrents, without overhead
	Oldest   time.Time // the day of the oldest last use, as its first second, UTC; zero if there are none
}
