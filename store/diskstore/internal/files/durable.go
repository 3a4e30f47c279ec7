package files

import (
	"errors"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// All calls that make something durable or delete a name are in this file, with their order and
// its reason. Nothing here is retried: after a failed sync, Linux may have marked the pages
// clean, so a second sync would succeed without writing them.

// WriteCategory is the category of all writes. Pebble counts bytes by category; nothing here
// uses those counts.
const WriteCategory = vfs.WriteCategoryUnspecified

// MakeDir creates dir and its missing parents, durably.
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
	// The name of a new folder is in its parent.
	for _, d := range made {
		if err := SyncDir(fs, fs.PathDir(d)); err != nil {
			return err
		}
	}
	return nil
}

// SyncDir makes the names in dir durable. On Windows it does nothing: NTFS journals names.
func SyncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// errLeftover says that the file of a segment whose creation failed may still exist. Its header
// says that the previous segment ends there, so nothing may be appended to that one.
var errLeftover = errors.New("cannot delete a segment whose creation failed")

// CreateSegment creates the file of a new segment and reserves so many bytes for it. The
// previous segment must be synced up to the end that h names. When CreateSegment returns, the
// file, its name and its header are durable, so a crash cannot take away a file with
// acknowledged records.
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
	// First the content, then the name: a name without a header is a torn creation, which
	// opening removes.
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

// WriteRecords writes b at offset, the end of the segment. It may run while earlier bytes are
// being synced.
func WriteRecords(f vfs.File, b []byte, offset int64) error {
	_, err := f.WriteAt(b, offset)
	return err
}

// SyncRecords makes all earlier writes durable. fdatasync is enough: it covers the file's size
// as well, and only its times may lag. Concurrent writes may become durable or not; they are not
// acknowledged by it.
func SyncRecords(f vfs.File) error { return f.SyncData() }

// Placed is a record and its offset.
type Placed struct {
	Header *format.Header
	At     int64 // the offset in its segment
}

// End returns the offset after p.
func (p Placed) End() int64 { return p.At + p.Header.Size() }

// Rewrite rewrites the bytes of records in place, makes the torn ones void, and syncs both.
// Recovery uses it for records that may never have been synced. After a failed sync they may be
// in the page cache only, marked as clean, so a sync alone would write nothing.
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

// OverwriteBody writes zeros over the body of a record that nothing refers to; the caller syncs.
// It erases bytes on a full disk, because the file has these blocks already.
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

// WriteMark writes m over the previous mark. A crash may tear it, which its checksum detects.
// With isNew it also makes the file's name durable.
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

// Remove removes a file with no needed content. The sync keeps the name from coming back after
// the next segment has taken over its id.
func Remove(fs vfs.FS, dir, name string) error {
	if err := fs.Remove(fs.PathJoin(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return SyncDir(fs, dir)
}

// RemoveAll removes a folder in dir with no needed content. The sync keeps an old file from
// appearing among new ones after a crash.
func RemoveAll(fs vfs.FS, dir, name string) error {
	if err := fs.RemoveAll(fs.PathJoin(dir, name)); err != nil {
		return err
	}
	return SyncDir(fs, dir)
}

// MakeNote creates an empty file, durably. Its existence is the message.
func MakeNote(fs vfs.FS, dir, name string) error {
	f, err := fs.Create(fs.PathJoin(dir, name), WriteCategory)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), SyncDir(fs, dir))
}

// Rename renames a file of dir, durably. Its content must be durable already, since the new name
// says that it is complete.
func Rename(fs vfs.FS, dir, from, to string) error {
	if err := fs.Rename(fs.PathJoin(dir, from), fs.PathJoin(dir, to)); err != nil {
		return err
	}
	return SyncDir(fs, dir)
}

// Copy copies the first length bytes of a file and syncs the copy, but not its name. It calls
// copied after each part; an error of copied ends it.
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

// Exists reports whether the file or folder exists.
func Exists(fs vfs.FS, name string) (bool, error) {
	_, err := fs.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
