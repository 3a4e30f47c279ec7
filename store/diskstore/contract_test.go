package diskstore

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

func TestContract(t *testing.T) {
	t.Run("on disk", func(t *testing.T) {
		storetest.Run(t, contract(func(t *testing.T) Options { return onDisk(vfs.Default, t.TempDir()) }))
	})
	if raced {
		return // see raced
	}
	t.Run("in memory, reopened", func(t *testing.T) {
		opener := contract(func(*testing.T) Options { return onDisk(vfs.NewMem(), "/store") })
		opener.Reopen = reopen
		storetest.Run(t, opener)
	})
	t.Run("in memory, index built anew", func(t *testing.T) {
		opener := contract(func(*testing.T) Options { return onDisk(vfs.NewMem(), "/store") })
		opener.Reopen = func(t *testing.T, s store.Store) store.Store {
			mustClose(t, s.(*Store))
			o := s.(*Store).options
			if err := o.FS.RemoveAll(o.FS.PathJoin(o.Dir, files.IndexDir)); err != nil {
				t.Fatal(err)
			}
			return reopen(t, s)
		}
		storetest.Run(t, opener)
	})
}

func contract(options func(*testing.T) Options) storetest.Opener {
	return storetest.Opener{
		Open: func(t *testing.T, clock func() time.Time) store.Store {
			o := options(t)
			o.Clock = clock
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Damage: func(t *testing.T, s store.Store, id infohash.ID) {
			disk := s.(*Store)
			at := disk.where(t, id)
			flip(t, disk.options.FS, fileOf(disk.options, at.Segment), at.Offset+format.HeaderSize)
		},
	}
}

func reopen(t *testing.T, s store.Store) store.Store {
	old := s.(*Store)
	mustClose(t, old)
	next, err := Open(old.options)
	if err != nil {
		t.Fatal(err)
	}
	return next
}
