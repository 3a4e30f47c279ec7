package store

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// Rank orders writers: an upload of a higher rank may replace the outer keys of one of a lower
// rank. Zero is not a rank. The numbers are stored on disk. There is room between them, and a
// number without a name here is a rank, too.
type Rank uint8

// The ranks of writers.
const (
	RankFetched   Rank = 64  // not uploaded here, but fetched from elsewhere
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
	// Shared says that nobody will ever change Torrent again, so that the store may keep it
	// without a copy.
	Shared bool
	// InfoOffset and InfoLength are the span of the raw info dictionary in Torrent, in bytes; it
	// is not empty. Two files with the same ids but different info bytes are a hash collision,
	// and the second is refused with ErrConflict.
	InfoOffset, InfoLength int
	// Rank is the writer's; not zero.
	Rank Rank
	// Unasked says that nobody uploaded the item here: it was copied from elsewhere. It then
	// does not count as a use of the torrent, and nothing is dropped to make room for it.
	Unasked bool
	// Replaces, unless zero, makes the put conditional: it replaces the record only while the
	// record's version is this one. The record's rank does not matter.
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

// IsUnasked reports whether nobody uploaded the item here: Unasked is set, or it was fetched.
func (it Item) IsUnasked() bool { return it.Unasked || it.Rank < RankAnonymous }

// Validate returns an error that wraps [ErrInvalid] and names the broken rule. An item needs an
// id, ids of the right size, a rank, and an info span that is not empty and within Torrent.
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

// Outcome is the result of a successful put.
type Outcome uint8

// The outcomes of a put.
const (
	Created       Outcome = iota + 1 // the ids were unknown; the item is now stored
	AlreadyCached                    // the record stays as it was
	Replaced                         // the item replaced the record
	Healed                           // the item replaced a damaged record
	// Outranked says that the record is unchanged, and that the item may replace it: by a put
	// with Replaces, after the caller has merged the parts of the record that must not be lost.
	Outranked
)

// Result is the result for one item. Outcome is valid only if Err is nil; Err wraps ErrInvalid,
// ErrRemoved, ErrConflict, ErrChanged, ErrFull or ErrUnavailable, or is ctx's error.
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
	// Stale says that a shared store could not be asked: this is a copy of a torrent that may
	// have been removed or replaced there.
	Stale bool
}

// Held is the result of [Store.Has] for one id. The zero value means no torrent.
type Held struct {
	IDs  infohash.Set
	Rank Rank
}

// Found reports whether there is a torrent.
func (h Held) Found() bool { return h.Rank != 0 }
