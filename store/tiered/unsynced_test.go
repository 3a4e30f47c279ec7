package tiered

import "github.com/cockroachdb/pebble/v2/vfs"

// unsynced is a file system whose files are never synced. Syncs take most of the time
// on a disk, and nobody sees their effect while the machine runs.
type unsynced struct{ vfs.FS }

// Create implements vfs.FS.
func (u unsynced) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return unsync(u.FS.Create(name, category))
}

// OpenReadWrite implements vfs.FS.
func (u unsynced) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	return unsync(u.FS.OpenReadWrite(name, category, options...))
}

// ReuseForWrite implements vfs.FS.
func (u unsynced) ReuseForWrite(before, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return unsync(u.FS.ReuseForWrite(before, name, category))
}

// OpenDir implements vfs.FS.
func (u unsynced) OpenDir(name string) (vfs.File, error) { return unsync(u.FS.OpenDir(name)) }

// Unwrap implements vfs.FS.
func (u unsynced) Unwrap() vfs.FS { return u.FS }

func unsync(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

type unsyncedFile struct{ vfs.File }

// Sync implements vfs.File.
func (unsyncedFile) Sync() error { return nil }

// SyncData implements vfs.File.
func (unsyncedFile) SyncData() error { return nil }

// SyncTo implements vfs.File.
func (unsyncedFile) SyncTo(int64) (fullSync bool, err error) { return true, nil }
