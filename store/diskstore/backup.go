package diskstore

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// Backup copies the store, as it is at one moment, into dir, which must be empty or not exist.
// The store keeps serving; compaction and erasing removals wait meanwhile. On the same file
// system sealed segments become hard links, and the rest is copied. To restore a backup, open
// it: Open builds its index and begins a new epoch. Unless nil, progress is called after every
// MiB copied and every file, with numbers of bytes. An unfinished backup cannot be opened.
func (s *Store) Backup(ctx context.Context, dir string, progress func(copied, total int64)) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	b := &backup{store: s, dir: dir, progress: progress}
	if err := b.run(ctx); err != nil {
		return fmt.Errorf("backup into %s: %w", dir, err)
	}
	return nil
}

// backup is one run of Backup. It holds the turn, so that no segment is deleted.
type backup struct {
	store         *Store
	dir           string
	progress      func(copied, total int64)
	copied, total int64
}

func (b *backup) run(ctx context.Context) error {
	fs := b.store.options.FS
	if err := b.begin(); err != nil {
		return err
	}
	// The log up to now is synced; nothing is sealed beyond it.
	now := b.store.committer.Stats()
	var ids []uint64
	for _, id := range b.store.segments.IDs() {
		if id > now.Segment {
			continue
		}
		ids = append(ids, id)
		b.total += b.length(id, now)
	}
	for _, id := range ids {
		if err := b.segment(ctx, id, now); err != nil {
			return err
		}
	}
	if err := files.SyncDir(fs, fs.PathJoin(b.dir, files.SegmentsDir)); err != nil {
		return err
	}
	if err := files.WriteMark(fs, b.dir, now.Mark(), true); err != nil {
		return err
	}
	return files.Rename(fs, b.dir, files.UnfinishedName, files.BackupName)
}

// begin creates the folder with a note that it is unfinished.
func (b *backup) begin() error {
	fs := b.store.options.FS
	names, err := fs.List(b.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: the folder is not empty", store.ErrInvalid)
	}
	if err := files.MakeDir(fs, b.dir); err != nil {
		return err
	}
	if err := files.MakeNote(fs, b.dir, files.UnfinishedName); err != nil {
		return err
	}
	return files.MakeDir(fs, fs.PathJoin(b.dir, files.SegmentsDir))
}

// length returns how many bytes of a segment the backup has.
func (b *backup) length(id uint64, now index.State) int64 {
	if id == now.Segment {
		return now.Offset
	}
	return b.store.segments.Size(id)
}

// segment links or copies one segment. It always copies the last one, because opening the backup
// writes to that one.
func (b *backup) segment(ctx context.Context, id uint64, now index.State) error {
	fs, name := b.store.options.FS, format.SegmentName(id)
	from, to := fs.PathJoin(b.store.options.Dir, files.SegmentsDir, name), fs.PathJoin(b.dir, files.SegmentsDir, name)
	length := b.length(id, now)
	if id != now.Segment && fs.Link(from, to) == nil {
		b.advance(length)
		return ctx.Err()
	}
	return files.Copy(fs, from, to, length, func(n int64) error {
		b.advance(n)
		return ctx.Err()
	})
}

func (b *backup) advance(n int64) {
	b.copied += n
	if b.progress != nil {
		b.progress(b.copied, b.total)
	}
}

// checkBackup reports whether the folder of o is a backup that is opened for the first time. It
// refuses an unfinished one.
func checkBackup(o Options) (restored bool, err error) {
	if there, err := files.Exists(o.FS, o.FS.PathJoin(o.Dir, files.UnfinishedName)); err != nil || there {
		return false, errors.Join(err, errors.New("the folder is an unfinished backup: use another one, or make it again"))
	}
	return files.Exists(o.FS, o.FS.PathJoin(o.Dir, files.BackupName))
}
