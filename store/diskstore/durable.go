package diskstore

import (
	"errors"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Every call that makes something durable, or takes a name away, stands in this
// file, with its place in the order and the reason. Nothing here is retried: a
// failed sync may have dropped what it should have written (Linux marks the
// pages clean), so that a second one would succeed without having written it.

const writeCategory = vfs.WriteCategoryUnspecified

// makeDir makes dir and those of its parents that are missing.
func makeDir(fs vfs.FS, dir string) error {
	var made []string
	for d := dir; ; d = fs.PathDir(d) {
		_, err := fs.Stat(d)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		made = append(made, d)
	}
	if len(made) == 0 {
		return nil
	}
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// The name of a new folder stands in its parent.
	for _, d := range made {
		if err := syncDir(fs, fs.PathDir(d)); err != nil {
			return err
		}
	}
	return nil
}

// syncDir makes durable which names dir has. On Windows it does nothing:
// NTFS has the names in its journal.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// errLeftover says that the file of a segment that could not be made may be there all the
// same: its header says that the one before ends there, so nothing may be written to that.
var errLeftover = errors.New("a segment that was not made cannot be taken away")

// createSegment makes the file of a new segment, whose previous one must be
// synced through the end that h names. When it returns, the file, its name and
// its header are durable, so that no record is acknowledged in a file that a
// crash takes away. reserve bytes are reserved for it.
func createSegment(fs vfs.FS, dir string, h format.SegmentHeader, reserve int64) (*segment, error) {
	name := fs.PathJoin(dir, format.SegmentName(h.Segment))
	f, err := fs.OpenReadWrite(name, writeCategory, vfs.RandomReadsOption)
	if err != nil {
		return nil, err
	}
	err = preallocate(f, 0, reserve)
	if err == nil {
		_, err = f.WriteAt(h.Encode(), 0)
	}
	// First what is in the file, then its name: a name without a header is a torn
	// creation, which opening clears away.
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(fs, dir)
	}
	if err != nil {
		if left := removeFile(fs, dir, format.SegmentName(h.Segment)); left != nil {
			err = errors.Join(err, errLeftover, left)
		}
		return nil, errors.Join(err, f.Close())
	}
	return &segment{id: h.Segment, file: f, header: h, size: format.SegmentStart}, nil
}

// writeRecords writes b at offset, the end of the segment. It may do so while
// what stands before is being synced.
func writeRecords(f vfs.File, b []byte, offset int64) error {
	_, err := f.WriteAt(b, offset)
	return err
}

// syncRecords makes durable all that was written before the call. Data is
// enough: fdatasync writes the file's new size too, and only times may lag. What
// is written meanwhile may be durable or not; nobody is told that it is.
func syncRecords(f vfs.File) error { return f.SyncData() }

// rewrite writes the bytes of records over themselves, makes others void, and syncs both.
// Recovery does so with those that it found but that may never have been synced: after a
// failed sync they can stand in the page cache only, marked as clean, and a sync
// alone would then write nothing. The void ones are torn.
func rewrite(f vfs.File, records, torn []placed) error {
	const chunk = 1 << 20
	var buffer [chunk]byte
	for _, p := range records {
		for from, to := p.at, p.end(); from < to; from += chunk {
			b := buffer[:min(chunk, to-from)]
			if err := readFull(f, b, from); err != nil {
				return err
			}
			if _, err := f.WriteAt(b, from); err != nil {
				return err
			}
		}
	}
	for _, p := range torn {
		h := format.Header{
			Kind: format.KindVoid, Store: p.header.Store, Segment: p.header.Segment, Sequence: p.header.Sequence,
			Synced: p.header.Synced, Length: p.header.Length,
		}
		if _, err := f.WriteAt(format.AppendHeader(nil, &h), p.at); err != nil {
			return err
		}
	}
	return f.Sync()
}

// overwriteBody writes zeros over the body of a record to which nothing points any more,
// which the caller syncs then. It is what erasing does on a full disk: these blocks are
// the file's already.
func overwriteBody(f vfs.File, offset, length int64) error {
	zeros := make([]byte, min(length, 1<<20))
	for end := offset + length; offset < end; {
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), end-offset)], offset)
		if err != nil {
			return err
		}
		offset += int64(n)
	}
	return nil
}

// writeMark writes m over the one before. A crash may tear it: its checksum tells.
// isNew has its name made durable, too.
func writeMark(fs vfs.FS, dir string, m format.Mark, isNew bool) error {
	f, err := fs.OpenReadWrite(fs.PathJoin(dir, syncedName), writeCategory)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(m.Encode(), 0)
	if err == nil {
		err = f.SyncData()
	}
	if err = errors.Join(err, f.Close()); err == nil && isNew {
		err = syncDir(fs, dir)
	}
	return err
}

// removeFile removes a file that holds nothing needed. The sync keeps the name
// from coming back after the next segment took over its id.
func removeFile(fs vfs.FS, dir, name string) error {
	if err := fs.Remove(fs.PathJoin(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return syncDir(fs, dir)
}

// removeIndex removes the index, which Open then builds anew. The sync keeps an
// old file from standing among the new ones after a crash.
func removeIndex(fs vfs.FS, dir string) error {
	if err := fs.RemoveAll(fs.PathJoin(dir, indexDir)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// putIndexAside renames the index, so that it can be put back until another is whole.
func putIndexAside(fs vfs.FS, dir string) error {
	there, err := exists(fs, fs.PathJoin(dir, indexDir))
	if err != nil || !there {
		return err
	}
	if err := removeOldIndex(fs, dir); err != nil {
		return err
	}
	return renameFile(fs, dir, indexDir, oldIndexDir)
}

// removeOldIndex removes the index that was put aside.
func removeOldIndex(fs vfs.FS, dir string) error {
	if err := fs.RemoveAll(fs.PathJoin(dir, oldIndexDir)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// condemnIndex leaves a note that makes the next Open build the index anew.
func condemnIndex(fs vfs.FS, dir string) error { return makeNote(fs, dir, condemnedName) }

// makeNote makes an empty file, durably, whose being there says something.
func makeNote(fs vfs.FS, dir, name string) error {
	f, err := fs.Create(fs.PathJoin(dir, name), writeCategory)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), syncDir(fs, dir))
}

// renameFile renames a file of dir, all of whose content must be durable, since
// the new name says that it is whole.
func renameFile(fs vfs.FS, dir, from, to string) error {
	if err := fs.Rename(fs.PathJoin(dir, from), fs.PathJoin(dir, to)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// copyFile copies the first length bytes of a file and syncs the copy; its name
// the caller has to. copied is told of every part and can end it.
func copyFile(fs vfs.FS, from, to string, length int64, copied func(n int64) error) error {
	source, err := fs.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := fs.Create(to, writeCategory)
	if err != nil {
		return err
	}
	buffer := make([]byte, min(length, 1<<20))
	for at := int64(0); at < length && err == nil; {
		b := buffer[:min(int64(len(buffer)), length-at)]
		if err = readFull(source, b, at); err == nil {
			_, err = target.Write(b)
		}
		if err == nil {
			at += int64(len(b))
			err = copied(int64(len(b)))
		}
	}
	if err == nil {
		err = target.Sync()
	}
	return errors.Join(err, target.Close())
}

// exists reports whether there is such a file or folder.
func exists(fs vfs.FS, name string) (bool, error) {
	_, err := fs.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
