package files

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

// WriteCategory is that of all writes: Pebble counts bytes by it, which nobody reads.
const WriteCategory = vfs.WriteCategoryUnspecified

// MakeDir makes dir and those of its parents that are missing.
func MakeDir(fs vfs.FS, dir string) error {
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
		if err := SyncDir(fs, fs.PathDir(d)); err != nil {
			return err
		}
	}
	return nil
}

// SyncDir makes durable which names dir has. On Windows it does nothing:
// NTFS has the names in its journal.
func SyncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// errLeftover says that the file of a segment that could not be made may be there all the
// same: its header says that the one before ends there, so nothing may be written to that.
var errLeftover = errors.New("a segment that was not made cannot be taken away")

// CreateSegment makes the file of a new segment, whose previous one must be
// synced through the end that h names. When it returns, the file, its name and
// its header are durable, so that no record is acknowledged in a file that a
// crash takes away. reserve bytes are reserved for it.
func CreateSegment(fs vfs.FS, dir string, h format.SegmentHeader, reserve int64) (vfs.File, error) {
	name := fs.PathJoin(dir, format.SegmentName(h.Segment))
	f, err := fs.OpenReadWrite(name, WriteCategory, vfs.RandomReadsOption)
	if err != nil {
		return nil, err
	}
	err = Reserve(f, 0, reserve)
	if err == nil {
		_, err = f.WriteAt(h.Encode(), 0)
	}
	// First what is in the file, then its name: a name without a header is a torn
	// creation, which opening clears away.
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = SyncDir(fs, dir)
	}
	if err != nil {
		if left := Remove(fs, dir, format.SegmentName(h.Segment)); left != nil {
			err = errors.Join(err, errLeftover, left)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// WriteRecords writes b at offset, the end of the segment. It may do so while
// what stands before is being synced.
func WriteRecords(f vfs.File, b []byte, offset int64) error {
	_, err := f.WriteAt(b, offset)
	return err
}

// SyncRecords makes durable all that was written before the call. Data is
// enough: fdatasync writes the file's new size too, and only times may lag. What
// is written meanwhile may be durable or not; nobody is told that it is.
func SyncRecords(f vfs.File) error { return f.SyncData() }

// Placed is a record and where it stands.
type Placed struct {
	Header *format.Header
	At     int64 // the offset in its segment
}

// End returns the offset behind p.
func (p Placed) End() int64 { return p.At + p.Header.Size() }

// Rewrite writes the bytes of records over themselves, makes others void, and syncs both.
// Recovery does so with those that it found but that may never have been synced: after a
// failed sync they can stand in the page cache only, marked as clean, and a sync
// alone would then write nothing. The void ones are torn.
func Rewrite(f vfs.File, records, torn []Placed) error {
	const chunk = 1 << 20
	var buffer [chunk]byte
	for _, p := range records {
		for from, to := p.At, p.End(); from < to; from += chunk {
			b := buffer[:min(chunk, to-from)]
			if err := ReadFull(f, b, from); err != nil {
				return err
			}
			if _, err := f.WriteAt(b, from); err != nil {
				return err
			}
		}
	}
	for _, p := range torn {
		h := format.Header{
			Kind: format.KindVoid, Store: p.Header.Store, Segment: p.Header.Segment, Sequence: p.Header.Sequence,
			Synced: p.Header.Synced, Length: p.Header.Length,
		}
		if _, err := f.WriteAt(format.AppendHeader(nil, &h), p.At); err != nil {
			return err
		}
	}
	return f.Sync()
}

// OverwriteBody writes zeros over the body of a record to which nothing points any more,
// which the caller syncs then. It is what erasing does on a full disk: these blocks are
// the file's already.
func OverwriteBody(f vfs.File, offset, length int64) error {
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

// WriteMark writes m over the one before. A crash may tear it: its checksum tells.
// isNew has its name made durable, too.
func WriteMark(fs vfs.FS, dir string, m format.Mark, isNew bool) error {
	f, err := fs.OpenReadWrite(fs.PathJoin(dir, SyncedName), WriteCategory)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(m.Encode(), 0)
	if err == nil {
		err = f.SyncData()
	}
	if err = errors.Join(err, f.Close()); err == nil && isNew {
		err = SyncDir(fs, dir)
	}
	return err
}

// Remove removes a file that holds nothing needed. The sync keeps the name
// from coming back after the next segment took over its id.
func Remove(fs vfs.FS, dir, name string) error {
	if err := fs.Remove(fs.PathJoin(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return SyncDir(fs, dir)
}

// RemoveAll removes a folder in dir, with all in it, that holds nothing needed. The sync
// keeps an old file from standing among the new ones after a crash.
func RemoveAll(fs vfs.FS, dir, name string) error {
	if err := fs.RemoveAll(fs.PathJoin(dir, name)); err != nil {
		return err
	}
	return SyncDir(fs, dir)
}

// MakeNote makes an empty file, durably, whose being there says something.
func MakeNote(fs vfs.FS, dir, name string) error {
	f, err := fs.Create(fs.PathJoin(dir, name), WriteCategory)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), SyncDir(fs, dir))
}

// Rename renames a file of dir, all of whose content must be durable, since
// the new name says that it is whole.
func Rename(fs vfs.FS, dir, from, to string) error {
	if err := fs.Rename(fs.PathJoin(dir, from), fs.PathJoin(dir, to)); err != nil {
		return err
	}
	return SyncDir(fs, dir)
}

// Copy copies the first length bytes of a file and syncs the copy; its name
// the caller has to. copied is told of every part and can end it.
func Copy(fs vfs.FS, from, to string, length int64, copied func(n int64) error) error {
	source, err := fs.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := fs.Create(to, WriteCategory)
	if err != nil {
		return err
	}
	buffer := make([]byte, min(length, 1<<20))
	for at := int64(0); at < length && err == nil; {
		b := buffer[:min(int64(len(buffer)), length-at)]
		if err = ReadFull(source, b, at); err == nil {
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

// Exists reports whether there is such a file or folder.
func Exists(fs vfs.FS, name string) (bool, error) {
	_, err := fs.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
