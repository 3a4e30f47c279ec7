package diskstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestBackup makes a backup while the store is written to, and opens it: it is
// the store as it was, removals included, in a new epoch.
func TestBackup(t *testing.T) {
	for name, link := range map[string]bool{"linked": true, "copied": false} {
		t.Run(name, func(t *testing.T) {
			fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind == errorfs.OpLink && !link {
					return errorfs.ErrInjected // as between file systems
				}
				return nil
			}))
			s := mustOpen(t, onDisk(fs, "/store"))
			backUpAndRestore(t, s)
		})
	}
}

func backUpAndRestore(t *testing.T, s *Store) {
	t.Helper()
	for seed := range uint64(20) {
		mustPut(t, s, faultTorrent(seed), store.Created)
	}
	if err := storetest.Remove(t.Context(), s, faultTorrent(3).IDs.Primary(), store.Removal{Reason: "gone"}); err != nil {
		t.Fatal(err)
	}
	var copied, total int64
	putting := make(chan struct{})
	go func() {
		defer close(putting)
		for seed := uint64(20); seed < 40; seed++ {
			if r := s.Put(t.Context(), []store.Item{faultTorrent(seed)})[0]; r.Err != nil {
				t.Error(r.Err)
			}
		}
	}()
	err := s.Backup(t.Context(), "/backup/today", func(c, of int64) { copied, total = c, of })
	if err != nil || copied == 0 || copied != total {
		t.Fatalf("Backup = %v after %d of %d bytes", err, copied, total)
	}
	<-putting
	_, before, err := s.Changes(t.Context(), store.Cursor{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	// Later changes of the store do not touch the backup.
	if err := storetest.Remove(t.Context(), s, faultTorrent(5).IDs.Primary(), store.Removal{Erase: true}); err != nil {
		t.Fatal(err)
	}
	o := s.options
	o.Dir = "/backup/today"
	epochs := map[uint64]bool{before.Epoch: true}
	for again := range uint64(2) {
		b := mustOpen(t, o)
		for seed := range uint64(20) {
			if seed != 3 {
				serves(t, b, faultTorrent(seed))
			}
		}
		var removed *store.RemovedError
		if _, err := b.Get(t.Context(), faultTorrent(3).IDs.Primary(), nil); !errors.As(err, &removed) || removed.Removal.Reason != "gone" {
			t.Errorf("Get of what was removed = %v", err)
		}
		_, end, err := b.Changes(t.Context(), before, 1000)
		if err != nil {
			t.Fatal(err)
		}
		epochs[end.Epoch] = true
		mustPut(t, b, faultTorrent(100+again), store.Created)
		mustClose(t, b)
		o.reindex = true // the epoch stays
	}
	if len(epochs) != 2 {
		t.Errorf("epochs %v, want that of the store and one of the restored", epochs)
	}
	serves(t, s, faultTorrent(39))
}

// TestRestoredEpochStays opens a backup and cuts the power at once, and once more:
// the cursors that it gave out in between hold, and those of the old store do not.
func TestRestoredEpochStays(t *testing.T) {
	s := mustOpen(t, onDisk(vfs.NewCrashableMem(), "/store"))
	mustPut(t, s, faultTorrent(0), store.Created)
	if err := s.Backup(t.Context(), "/backup", nil); err != nil {
		t.Fatal(err)
	}
	o := afterCrash(s)
	o.Dir = "/backup"
	restored := mustOpen(t, o)
	if restored.epoch == s.epoch {
		t.Errorf("the restored store has the epoch of the old one, %d", s.epoch)
	}
	for range 2 {
		again := mustOpen(t, afterCrash(restored))
		serves(t, again, faultTorrent(0))
		if again.epoch != restored.epoch {
			t.Errorf("epoch %d after a crash, it was %d", again.epoch, restored.epoch)
		}
		restored = again
	}
}

// TestBackupUnfinished fails backups half-way: they cannot be opened by mistake.
func TestBackupUnfinished(t *testing.T) {
	for _, kind := range []errorfs.OpKind{errorfs.OpLink, errorfs.OpRename} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			fs, broken := failing(errorfs.ErrInjected, func(op errorfs.Op) bool {
				return strings.HasPrefix(op.Path, "/backup") && (op.Kind == kind || op.Kind == errorfs.OpFileWrite)
			})
			s := mustOpen(t, onDisk(fs, "/store"))
			mustPut(t, s, faultTorrent(1), store.Created)
			broken.Store(true)
			if err := s.Backup(t.Context(), "/backup", nil); !errors.Is(err, errorfs.ErrInjected) {
				t.Errorf("Backup = %v", err)
			}
			broken.Store(false)
			if _, err := Open(onDisk(fs, "/backup")); err == nil || !strings.Contains(err.Error(), "unfinished backup:") {
				t.Errorf("Open of an unfinished backup = %v", err)
			}
			if err := s.Backup(t.Context(), "/backup", nil); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("Backup into a folder in use = %v", err)
			}
			serves(t, s, faultTorrent(1))
		})
	}
}
